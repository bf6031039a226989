"""The system under measurement: real processes on this machine, with fsync on."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cli.embedded import EmbeddedNats, EmbeddedPostgres
from cli.embedded.kept import free_port

START_SECONDS = 60
PASSWORD = "correct horse battery staple"
ONE_OF_EACH = {"jobs": 1, "alerts": 1, "notifier": 1, "api": 1}


def _no_gateway() -> subprocess.Popen[bytes]:
    raise SystemExit("there was none")


@dataclass
class System:
    """A running Keepwatch; `url` is its gateway's, `token` an administrator's."""

    url: str
    dsn: str = field(repr=False)
    token: str = field(repr=False)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    servers: list[int] = field(default_factory=list)
    """Process ids of PostgreSQL and NATS."""
    start_gateway: Callable[[], subprocess.Popen[bytes]] = field(repr=False, default=_no_gateway)

    def restart_gateway(self) -> None:
        """End the gateway that was started last, and start another one in its place."""
        self.processes[-1].terminate()
        self.processes[-1].wait(30)
        self.processes[-1] = self.start_gateway()

    @property
    def pids(self) -> list[int]:
        """All of it."""
        return [*self.servers, *(process.pid for process in self.processes)]


@contextmanager
def running(copies: Mapping[str, int] = ONE_OF_EACH, **environment: str) -> Iterator[System]:
    """Run so many copies of each service, on servers of their own, until the block ends."""
    with (
        TemporaryDirectory(prefix="keepwatch-bench-") as name,
        EmbeddedPostgres(Path(name) / "postgres") as postgres,
        EmbeddedNats(Path(name) / "nats") as nats,
    ):
        port, token = free_port(), f"kw_{secrets.token_urlsafe(32)}"
        system = System(f"http://127.0.0.1:{port}", postgres.dsn, token)
        system.servers += [server.pid for server in (postgres, nats)]
        env = {key: value for key, value in os.environ.items() if not key.startswith("KEEPWATCH_")} | {
            "KEEPWATCH_DATABASE_URL": postgres.dsn,
            "KEEPWATCH_NATS_URL": nats.url,
            "KEEPWATCH_SECRET_KEY": secrets.token_hex(32),
            "KEEPWATCH_PUBLIC_URL": system.url,
            "KEEPWATCH_ADMIN_TOKEN": token,
            "KEEPWATCH_ADMIN_PASSWORD": PASSWORD,
            "KEEPWATCH_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "KEEPWATCH_LOG_LEVEL": "warning",
            **environment,
        }
        subprocess.run([sys.executable, "-m", "cli.main", "migrate"], env=env, check=True, stdout=subprocess.DEVNULL)
        system.start_gateway = partial(_serve, "api", port, env, Path(name))
        try:
            for service, count in copies.items():
                for copy in range(count):
                    listen = port if (service, copy) == ("api", 0) else free_port()
                    system.processes.append(_serve(service, listen, env, Path(name)))
            yield system
        finally:
            for process in system.processes:
                process.terminate()
            for process in system.processes:
                process.wait(30)


def _serve(service: str, port: int, env: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{service}-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve", service, "--port", str(port)],
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{service} did not start: {(folder / f'{service}-{port}.log').read_text()[-2000:]}")
        time.sleep(0.05)
    return process


def _is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(1024).split(b"\r\n")[0]
    except OSError:
        return False

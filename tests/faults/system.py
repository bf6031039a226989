"""The system under faults: real processes, four of each service, on servers behind proxies that can be disturbed."""

import asyncio
import random
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg

from cli.embedded import EmbeddedNats, EmbeddedPostgres
from cli.embedded.server import EmbeddedServer
from shared.crash_points import VARIABLE
from tests.faults.cluster import Cluster, clustered
from tests.installation import Keepwatch, free_port, planned
from tests.tcp_proxy import TcpProxy, tcp_proxy

SERVICES = ("jobs", "alerts", "notifier", "api")
COPIES = 4
LOOK_SECONDS = 0.2
STOP_SECONDS = 30
ServerT = TypeVar("ServerT", bound=EmbeddedServer)


@dataclass
class System:
    """One installation; what dies is started again, as Compose and systemd do."""

    keepwatch: Keepwatch
    postgres: EmbeddedPostgres
    nats: EmbeddedNats | Cluster
    to_postgres: TcpProxy
    to_nats: TcpProxy | None = None
    """There is none to a cluster, whose servers find each other and tell clients of each other."""
    to_receiver: TcpProxy | None = None
    """The way to the receivers that have moods."""
    faults: Counter[str] = field(default_factory=Counter)
    """What has been done to it, by name."""
    crashed: Counter[str] = field(default_factory=Counter)
    """Processes that died at a named point, by that point."""
    _armed: dict[str, str] = field(default_factory=dict)

    @property
    def urls(self) -> list[str]:
        """The gateways."""
        return [f"http://127.0.0.1:{self.keepwatch.ports[f'api-{copy}']}" for copy in range(1, COPIES + 1)]

    def names(self, service: str) -> list[str]:
        """The processes of a service."""
        return [name for name in sorted(self.keepwatch.processes) if name.startswith(f"{service}-")]

    def start(self, name: str, crash_at: str | None = None) -> None:
        """Start one process; with `crash_at` (`publish.after:3`) it dies by itself there."""
        service, _, copy = name.rpartition("-")
        usual = dict(self.keepwatch.environ)
        if crash_at:
            self.keepwatch.environ[VARIABLE] = crash_at
            self._armed[name] = crash_at.partition(":")[0]
        try:
            self.keepwatch.start(service, int(copy))
        finally:
            self.keepwatch.environ = usual

    def arm(self, name: str, crash_at: str) -> None:
        """Replace a process by one that will die at this point."""
        self.kill(name)
        self.start(name, crash_at)

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self._armed.pop(name, None)
        self.keepwatch.processes[name].kill()
        self.keepwatch.processes[name].wait()

    @asynccontextmanager
    async def frozen(self, name: str) -> AsyncIterator[None]:
        """SIGSTOP; after the block SIGCONT."""
        process = self.keepwatch.processes[name]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    async def ask(self, statement: str) -> int:
        """A number out of the database, past the proxies."""
        connection = await asyncpg.connect(self.postgres.dsn, timeout=10)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    async def look_after(self) -> None:
        """Start again what has died, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for name, process in list(self.keepwatch.processes.items()):
                if process.poll() is not None:
                    if (point := self._armed.pop(name, None)) and process.returncode == -signal.SIGKILL:
                        self.crashed[point] += 1
                    self.start(name)

    @asynccontextmanager
    async def down(self, server: EmbeddedServer, how: signal.Signals, *, forget: bool = False) -> AsyncIterator[None]:
        """End a server, for the block; with `forget` what NATS had stored is gone as well."""
        process = server._process
        assert process is not None
        process.send_signal(how)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(process.wait), STOP_SECONDS)
        if forget:
            shutil.rmtree(server.folder / "jetstream")
        try:
            yield
        finally:
            await asyncio.to_thread(server.start)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[System]:
    """A system that is ready, with servers of its own that write through to the disk."""
    async with (
        _started(EmbeddedPostgres(folder / "postgres")) as postgres,
        _started(EmbeddedNats(folder / "nats")) as nats,
        tcp_proxy("127.0.0.1", postgres.port) as to_postgres,
        tcp_proxy("127.0.0.1", nats.port) as to_nats,
    ):
        keepwatch = planned(folder, _by(postgres.dsn, to_postgres), _by(nats.url, to_nats))
        async with _serving(System(keepwatch, postgres, nats, to_postgres, to_nats)) as system:
            yield system


@asynccontextmanager
async def running_on_a_cluster(folder: Path) -> AsyncIterator[System]:
    """The same on three NATS servers with three copies of everything."""
    async with (
        _started(EmbeddedPostgres(folder / "postgres")) as postgres,
        clustered(folder) as nats,
        tcp_proxy("127.0.0.1", postgres.port) as to_postgres,
    ):
        keepwatch = planned(folder, _by(postgres.dsn, to_postgres), nats.url)
        keepwatch.environ["KEEPWATCH_STREAM_REPLICAS"] = "3"
        async with _serving(System(keepwatch, postgres, nats, to_postgres)) as system:
            yield system


@asynccontextmanager
async def _started(server: ServerT) -> AsyncIterator[ServerT]:
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def _serving(system: System) -> AsyncIterator[System]:
    """All processes, looked after."""
    keepwatch = system.keepwatch
    keepwatch.environ["KEEPWATCH_RETRY_SCHEDULE"] = ",".join(["0", "0.2", "0.5", *["1"] * 30])
    keepwatch.ports |= {f"api-{copy}": free_port() for copy in range(2, COPIES + 1)}
    await asyncio.to_thread(keepwatch.migrate)
    try:
        await _all_ready(system)
        caring = asyncio.create_task(system.look_after())
        yield system
        caring.cancel()
    finally:
        for proxy in filter(None, (system.to_postgres, system.to_nats, system.to_receiver)):
            proxy.resume()
        for process in keepwatch.processes.values():
            process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(keepwatch.stop)


async def _all_ready(system: System) -> None:
    for service in SERVICES:
        for copy in range(1, COPIES + 1):
            system.keepwatch.start(service, copy)
    await asyncio.to_thread(system.keepwatch.wait_ready)


def _by(url: str, proxy: TcpProxy) -> str:
    """The same server by the proxy."""
    parts = urlsplit(url)
    account = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{account}@127.0.0.1:{proxy.port}").geturl()


def seed_of(given: int | None) -> int:
    """What to repeat a run with."""
    return given if given is not None else random.SystemRandom().randrange(10**6)

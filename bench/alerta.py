"""A peer: Alerta on a PostgreSQL of its own that writes through, behind gunicorn with two workers."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.load import Target
from bench.peer import wait_for
from cli.embedded import EmbeddedPostgres
from cli.embedded.kept import free_port

HERE = Path(__file__).parents[1] / ".cache" / "alerta" / "bin"
WORKERS = 2
THREADS = 4
"""Of each worker; with threads a connection stays open for the next request."""


def version() -> str:
    """Which one it is."""
    code = "import importlib.metadata as metadata; print(metadata.version('alerta-server'))"
    return subprocess.run([_program("python"), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def running() -> Iterator[Target]:
    """Where one with nothing in it takes alerts, until the block ends."""
    with TemporaryDirectory(prefix="alerta-bench-") as name, EmbeddedPostgres(Path(name) / "postgres") as postgres:
        port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": postgres.dsn,
            "SECRET_KEY": secrets.token_hex(32),
            "ALERTA_SVR_CONF_FILE": os.devnull,
        }
        # Its tables are made by whoever is first, and two workers at once end each other.
        subprocess.run([_program("python"), "-c", "import alerta; alerta.create_app()"], env=environment, check=True)
        process = subprocess.Popen(
            [
                _program("gunicorn"),
                *("--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS), "--threads", str(THREADS)),
                *("--worker-class", "gthread", "--no-control-socket", "alerta:create_app()"),
            ],
            env=environment,
            cwd=name,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/management/gtg", "alerta")
            yield Target(port, "/alert")
        finally:
            process.terminate()
            process.wait(30)


def body(host: str, group: str, message: str) -> bytes:
    """A request with a failure: Alerta takes one at a time."""
    return json.dumps(
        {
            "environment": "Production",
            "service": ["backup"],
            "resource": f"{host}/{group}",
            "event": "backup_failed",
            "severity": "critical",
            "text": message,
        }
    ).encode()


def _program(name: str) -> str:
    found = HERE / name
    if not found.exists():
        raise SystemExit("alerta is not there: .ci/install-alerta")
    return str(found)

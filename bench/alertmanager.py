"""The peer: Prometheus' Alertmanager, told to call once for each alert, at once."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.load import Target
from bench.peer import wait_for
from cli.embedded.kept import free_port

HERE = Path(__file__).parents[1] / ".cache" / "alertmanager"
CONFIGURATION = """\
route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 24h}}
receivers:
  - name: hook
    webhook_configs: [{{url: 'http://127.0.0.1:{port}/', send_resolved: false}}]
"""


@dataclass(frozen=True)
class Alertmanager:
    """A running one."""

    target: Target
    pid: int


def program() -> str:
    """Where it is; an error that says how to get it when it is not there."""
    found = shutil.which("alertmanager", path=f"{HERE}{os.pathsep}{os.environ['PATH']}")
    if not found:
        raise SystemExit("alertmanager is not there: .ci/install-alertmanager, or --peer none")
    return found


def version() -> str:
    """Which one it is."""
    told = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True)
    return (told.stdout + told.stderr).split()[2]


@contextmanager
def running(receiver: int) -> Iterator[Alertmanager]:
    """One with nothing in it, which calls this port, until the block ends."""
    with TemporaryDirectory(prefix="alertmanager-bench-") as name:
        port, config = free_port(), Path(name) / "alertmanager.yml"
        config.write_text(CONFIGURATION.format(port=receiver))
        process = subprocess.Popen(
            [
                program(),
                f"--config.file={config}",
                f"--storage.path={name}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                "--log.level=error",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/-/ready", "alertmanager")
            yield Alertmanager(Target(port, "/api/v2/alerts"), process.pid)
        finally:
            process.terminate()
            process.wait(30)


def body(alerts: Sequence[dict[str, str]], message: str) -> bytes:
    """A request with these alerts, given by their labels."""
    return json.dumps([{"labels": labels, "annotations": {"message": message}} for labels in alerts]).encode()

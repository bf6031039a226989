"""What the two embedded servers share: prepared in a folder of their own, started, watched until ready, stopped."""

import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from signal import SIGTERM, Signals
from types import TracebackType
from typing import ClassVar, Self

from cli.embedded.account import own, server_user
from cli.embedded.errors import EmbeddedServerError
from cli.embedded.kept import LOOPBACK, is_free, kept_port
from cli.embedded.last_words import last_words
from cli.embedded.launch import Launch
from cli.embedded.leftovers import end_leftovers, mark

STOP_SECONDS = 30
TRIES = 3


class EmbeddedServer(ABC):
    """A server whose whole state is one folder; `with` starts it and stops it.

    A supervisor uses `prepare`, `launch` and `is_ready` instead, and owns the process itself.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[Signals] = SIGTERM
    """What ends the server in order, and soon."""

    def __init__(self, folder: Path, log: Path | None = None) -> None:
        self.folder = folder.absolute()
        self.log = log or self.folder / "server.log"
        self.user = server_user()
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the folder ready for a start: its files, a free port, no server of an earlier run.

        The port is chosen once: clients of a server that is started again must find it where it was.
        """
        try:
            own(self.folder, self.user)
            end_leftovers(self.mark, self.stop_signal)
            self.port = self.port or kept_port(self.folder / "port")
            self.fill()
        except OSError as error:
            raise EmbeddedServerError(f"Can't prepare {self.name} in {self.folder}: {error.strerror}.") from None

    @property
    def mark(self) -> str:
        """The name that tells this folder's server from every other one."""
        return mark(self.folder)

    @abstractmethod
    def fill(self) -> None:
        """Make the files that the server needs before it can start."""

    @abstractmethod
    def launch(self) -> Launch:
        """How the process is started."""

    @abstractmethod
    def is_ready(self, pid: int) -> bool:
        """Whether the process `pid` serves clients; answers within about a second."""

    def start(self) -> None:
        """Prepare, start and wait until clients are served, however long a crash recovery takes."""
        for _ in range(TRIES):
            self.port = 0
            self.prepare()
            self._process = self.launch().start(self.log)
            if self._becomes_ready(self._process):
                return
            # Between looking for a free port and listening on it, somebody else may have taken it.
            if is_free(self.port, LOOPBACK):
                break
        raise EmbeddedServerError(f"{self.name} does not start: {last_words(self.log)}")

    def _becomes_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        while process.poll() is None:
            if self.is_ready(process.pid):
                return True
            time.sleep(0.02)
        return False

    @property
    def pid(self) -> int:
        """The process that was started; its children are the server's as well."""
        if self._process is None:
            raise EmbeddedServerError(f"{self.name} has not been started.")
        return self._process.pid

    def stop(self) -> None:
        """Stop in order; by force if that takes too long."""
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, whatever happened."""
        self.stop()

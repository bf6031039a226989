"""The folder where one agent keeps all it must not lose, and all it may."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.settings import SettingsError


@dataclass(frozen=True)
class StateFolder:
    """Folders under one root, readable by the agent's user alone."""

    root: Path

    @property
    def spool(self) -> Path:
        """The database of jobs."""
        return self.root / "spool.db"

    @property
    def logs(self) -> Path:
        """One log per job that the server has not acknowledged."""
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        """The cache of restic: services have no HOME."""
        return self.root / "cache"

    @property
    def home(self) -> Path:
        """An empty HOME: nothing that restic's libraries read from there can be planted."""
        return self.root / "home"

    @property
    def scratch(self) -> Path:
        """Emptied at every start."""
        return self.root / "tmp"


@contextmanager
def locked(root: Path) -> Iterator[StateFolder]:
    """The folder, made if it is missing, for this agent alone.

    Raises:
        SettingsError: another agent uses it, or it cannot be written.
    """
    folder = StateFolder(root)
    try:
        lock = _lock(folder)
    except BlockingIOError:
        raise SettingsError(f"--state-dir: another agent already uses {root}.") from None
    except OSError as error:
        raise SettingsError(f"--state-dir: {root} cannot be used: {error.strerror}.") from None
    try:
        yield folder
    finally:
        os.close(lock)


def _lock(folder: StateFolder) -> int:
    folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder.root / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder.scratch, ignore_errors=True)
        for path in (folder.logs, folder.cache, folder.home, folder.scratch):
            path.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor

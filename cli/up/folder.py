"""The data folder of `keepwatch up`: one supervisor at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click


class DataFolder:
    """Where everything that `up` keeps is; readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self.secrets = path / "secrets"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Own the folder; it is free again when this process ends, in whatever way."""
        try:
            for folder in (self.path, self.logs, self.secrets):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise click.ClickException(f"Can't use the data folder {self.path}: {error.strerror}.") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise click.ClickException(f"Keepwatch already runs on {self.path}{_holder(lock.name)}.") from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def log_of(self, name: str) -> Path:
        """Where the process of that name writes."""
        return self.logs / f"{name}.log"


def _holder(lock: str) -> str:
    pid = Path(lock).read_text().strip()
    return f" (process {pid})" if pid else ""

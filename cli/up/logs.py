"""Keeps the log files of the children small."""

import asyncio
import os
import shutil
from pathlib import Path

MAX_BYTES = 10_000_000
PAUSE_SECONDS = 30.0


async def keep_small(folder: Path) -> None:
    """Look after the logs forever."""
    while True:
        await asyncio.to_thread(rotate, folder)
        await asyncio.sleep(PAUSE_SECONDS)


def rotate(folder: Path, max_bytes: int = MAX_BYTES) -> None:
    """Every log that has grown beyond `max_bytes` becomes `NAME.1`, and begins anew."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > max_bytes:
            # Copied and emptied, not renamed: its writer has it open for appending and goes on at the new end.
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)

"""Memory of processes, what they share counted in parts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KILOBYTE = 1024
SAMPLE_SECONDS = 0.5


def pss(pid: int) -> int:
    """Bytes of memory of a process, what it shares counted in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * KILOBYTE


def tree(pid: int) -> Iterator[int]:
    """A process and all that come from it."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


class Peak:
    """The most that was seen, in bytes."""

    bytes = 0


@contextmanager
def watched(pids: list[int]) -> Iterator[Peak]:
    """Looks every half second how much these processes and theirs use together, until the block ends."""
    peak, stop = Peak(), threading.Event()

    def look() -> None:
        while True:
            peak.bytes = max(peak.bytes, sum(_if_there(pid) for root in pids for pid in tree(root)))
            if stop.wait(SAMPLE_SECONDS):
                return

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peak
    finally:
        stop.set()
        looking.join()


def _if_there(pid: int) -> int:
    try:
        return pss(pid)
    except (OSError, StopIteration):
        return 0

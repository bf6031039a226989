"""Named places at which a test can let a process die, as by SIGKILL.

`KEEPWATCH_TEST_CRASH_AT=publish.after:3` ends the process when it comes to that place for the third time. Nobody but
the tests sets it: a promise about crashes is worth what has been tried at the worst moments.
"""

import os
import signal
from typing import Literal

Point = Literal[
    "commit.before", "commit.after", "publish.before", "publish.after", "mark.after", "ack.before", "ack.after",
    "send.before", "send.after",
]  # fmt: skip
VARIABLE = "KEEPWATCH_TEST_CRASH_AT"


class _Fuse:
    """Burns down one step at each pass of the chosen place."""

    def __init__(self, setting: str) -> None:
        self.point, _, passes = setting.partition(":")
        self.left = int(passes or 1)


_fuse = _Fuse(os.environ.get(VARIABLE, ""))


def crash_point(name: Point) -> None:
    """Die here, if a test wants so; otherwise nothing."""
    if name != _fuse.point:
        return
    _fuse.left -= 1
    if _fuse.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

"""Starts a program that can't outlive the process that started it, as another user if asked.

Run by its path with `python -I -S` in the child, between fork and the program itself: the kernel forgets a parent
death signal when the user changes, so it has to be set after that, and the program then inherits it.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from signal import Signals

PR_SET_PDEATHSIG = 1


def leashed(command: Sequence[str], death_signal: Signals, user: tuple[int, int] | None = None) -> list[str]:
    """The command line that runs `command` as `user` (uid, gid) and signals it when the calling thread ends."""
    who = f"{user[0]}:{user[1]}" if user else "-"
    shim = [sys.executable, "-I", "-S", __file__]
    return [*shim, str(os.getpid()), str(int(death_signal)), who, *command]


def _become(who: str) -> None:
    uid, gid = (int(number) for number in who.split(":"))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def tie_to(parent: int, death_signal: int) -> None:
    """Have the kernel send this process `death_signal` when `parent` ends; exits if it already has."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0):
        sys.exit(f"cannot tie a process to its parent: {os.strerror(ctypes.get_errno())}")
    # The parent may have died before the line above: then no signal will ever come.
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")


def _run(parent: str, death_signal: str, who: str, *command: str) -> None:
    try:
        if who != "-":
            _become(who)
        tie_to(int(parent), int(death_signal))
        os.execv(command[0], command)  # noqa: S606  no shell is wanted
    except OSError as error:
        sys.exit(f"cannot start {command[0]}: {error.strerror}")


if __name__ == "__main__":
    _run(*sys.argv[1:])

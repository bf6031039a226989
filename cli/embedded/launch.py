"""How one process is started: said once, done by a test's `with` and by the supervisor alike."""

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM, Signals

from cli.embedded.leash import leashed


@dataclass(frozen=True)
class Launch:
    """A program with all that it needs; its process ends with the thread that starts it.

    It gets a session of its own, so that a terminal's Ctrl-C reaches the supervisor alone.
    """

    command: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path | None = None
    user: tuple[int, int] | None = None
    stop_signal: Signals = SIGTERM
    death_signal: Signals = SIGTERM

    def start(self, log: Path) -> "subprocess.Popen[bytes]":
        """Start it; what it says is appended to `log`."""
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603  programs of our own choosing
                self._leashed(),
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def spawn(self, log: Path) -> asyncio.subprocess.Process:
        """Start it from a coroutine, as `start` does."""
        with log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *self._leashed(),
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _leashed(self) -> list[str]:
        return leashed(self.command, self.death_signal, self.user)

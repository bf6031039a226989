"""One supervised process: started, watched until ready, started again when it ends, stopped."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from cli.embedded import EmbeddedServerError
from cli.embedded.last_words import last_words
from cli.embedded.launch import Launch

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 30.0
TRIES_UNTIL_READY = 3
POLL_SECONDS = 0.05


class StartError(Exception):
    """A process ends again and again before it was ready; the text is one sentence."""


@dataclass(eq=False)
class Child:
    """A process of the system; `prepare` runs in a thread before every start and says how to start it."""

    name: str
    prepare: Callable[[], Launch]
    ready: Callable[[int], Awaitable[bool]]
    log: Path
    notice: Callable[[str], None]
    where: str = ""
    patience: float = STOP_SECONDS
    was_ready: bool = False
    _launch: Launch | None = None
    _process: asyncio.subprocess.Process | None = None

    async def keep_running(self) -> None:
        """Start the process, and again whenever it ends; only an end before it was ever ready is given up on."""
        failures = 0
        while True:
            started = time.monotonic()
            reason = await self._run_once()
            failures = 1 if time.monotonic() - started > HEALTHY_SECONDS else failures + 1
            if not self.was_ready and failures >= TRIES_UNTIL_READY:
                raise StartError(f"{self.name} does not start: {reason} (log: {self.log})")
            pause = _pause(failures)
            self.notice(f"{self.name} ended ({reason}); starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)

    async def until_ready(self) -> None:
        """Return once the process serves."""
        while not await self.is_ready():  # noqa: ASYNC110  only asking tells
            await asyncio.sleep(POLL_SECONDS)
        self.was_ready = True

    async def _tell_when_back(self) -> None:
        await self.until_ready()
        self.notice(f"{self.name} is back")

    async def is_ready(self) -> bool:
        """Whether the process runs and serves now."""
        running = self._process is not None and self._process.returncode is None
        return running and self._process is not None and await self.ready(self._process.pid)

    async def stop(self) -> None:
        """End the process in order; by force if that takes too long. Its keeper must not run any more."""
        if self._process is None or self._launch is None or self._process.returncode is not None:
            return
        self._process.send_signal(self._launch.stop_signal)
        try:
            async with asyncio.timeout(self.patience):
                await self._process.wait()
        except TimeoutError:
            self.notice(f"{self.name} does not stop by itself; ending it by force")
            self._process.kill()
            await self._process.wait()

    async def _run_once(self) -> str:
        try:
            self._launch = await asyncio.to_thread(self.prepare)
            begins = self.log.stat().st_size if self.log.exists() else 0
            self._process = await self._launch.spawn(self.log)
        except (EmbeddedServerError, OSError) as error:
            return str(error)
        returning = asyncio.create_task(self._tell_when_back()) if self.was_ready else None
        try:
            code = await self._process.wait()
        finally:
            if returning:
                returning.cancel()
        return f"signal {-code}" if code < 0 else last_words(self.log, begins)


def _pause(failures: int) -> float:
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1))
    return longest * random.uniform(0.8, 1.0)  # noqa: S311  spreads restarts, hides nothing

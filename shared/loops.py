"""Loops that outlive their errors: run a step again and again until the process stops."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from shared.db import is_transient

log = structlog.get_logger()
MAX_PAUSE = 10.0


async def repeat(
    name: str,
    step: Callable[[], Awaitable[bool]],
    *,
    stop: asyncio.Event,
    seconds: float,
    wake: asyncio.Event | None = None,
) -> None:
    """Run `step` every `seconds`, sooner when woken, at once while it says there is more; errors only slow it down."""
    pause = 0.2
    while not stop.is_set():
        try:
            if wake:
                wake.clear()
            more = await step()
            pause = 0.2
            if not more:
                await _first_of(stop, wake, seconds)
        except Exception as error:
            if is_transient(error):
                log.warning("loop waits", loop=name, error=type(error).__name__, detail=str(error))
            else:
                log.exception("loop failed", loop=name)
            await _first_of(stop, None, pause)
            pause = min(pause * 2, MAX_PAUSE)


async def end_task(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait until it has ended, however it ends.

    Once is not enough: `asyncio.wait_for` of Python 3.11 loses a cancellation that comes together with what it waits
    for, and nats-py waits with it.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)


async def _first_of(stop: asyncio.Event, wake: asyncio.Event | None, seconds: float) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in (stop, wake) if event is not None]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*waiting, return_exceptions=True)

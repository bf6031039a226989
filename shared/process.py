"""How a service runs and stops: loops side by side until a signal, then each finishes what it has in hand."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import structlog

from shared.loops import end_task

log = structlog.get_logger()
FINISH_SECONDS = 6.0
"""For loops to finish what they have in hand; the broker and the database then have three more for their goodbyes."""
END_SECONDS = 9.5
"""Containers are killed after 10."""
SETTLED_SECONDS = 5.0
"""By then a process has built what it serves with."""
FEW_CYCLES = (10_000, 5, 2)
"""When to look for cycles, as of `gc.set_threshold`, where batches are handled: by Python's own figures each is looked
through many times while it is still in use."""


@asynccontextmanager
async def stopping(cycles: tuple[int, int, int] | None = FEW_CYCLES) -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; within 10 s of either the process ends, whatever it waits for.

    `cycles`: when to look for them; null for Python's own figures.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_later(SETTLED_SECONDS, _settle, cycles)

    def end() -> None:
        stop.set()
        loop.call_later(END_SECONDS, _end_now)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _settle(cycles: tuple[int, int, int] | None) -> None:
    """What is there now stays as long as the process: to collect garbage among it would stop us for 0.1 s at a time."""
    gc.collect()
    gc.freeze()
    if cycles:
        gc.set_threshold(*cycles)


def _end_now() -> None:
    """While the database or the broker is away nothing can be finished; others take over what is left."""
    log.error("not everything could be finished in time, ending")
    os._exit(1)


async def run_together(stop: asyncio.Event, *loops: Awaitable[None]) -> None:
    """Run loops until they end after `stop`; one that fails stops the others, and its error is raised."""
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stop.set()
        _, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS)
        await asyncio.gather(*map(end_task, late))
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            raise error

"""The composition root of the agent."""

import asyncio
import contextlib
import logging
import signal

from agent import state_folder
from agent.connection import Connection
from agent.jobs import Jobs
from agent.settings import AgentSettings
from agent.spool import Spool

logger = logging.getLogger(__name__)

PRUNE_EVERY = 3600.0
_LAST_WORD = 3.0
"""Seconds for the server to take the last end states; what it does not take waits on the disk."""


async def run(settings: AgentSettings) -> int:
    """Be this host's agent until SIGTERM or SIGINT; running jobs end as interrupted and are kept for the server.

    Raises:
        SettingsError: the state folder is in use or cannot be.
    """
    with state_folder.locked(settings.state_dir) as folder, contextlib.closing(Spool(folder.spool)) as spool:
        changed, ended = asyncio.Event(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        jobs = Jobs(settings, folder, spool, changed.set)
        connection = asyncio.create_task(Connection(settings, folder, jobs, changed).keep())
        pruning = asyncio.create_task(_prune(jobs))
        try:
            await _first(connection, pruning, asyncio.create_task(ended.wait()))
            logger.info("stopping", extra={"running": len(jobs.running)})
            await jobs.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORD):
                    await jobs.told()
        finally:
            connection.cancel()
            pruning.cancel()
            await asyncio.gather(connection, pruning, return_exceptions=True)
    return 0


async def _first(*tasks: asyncio.Task[object]) -> None:
    """Until the first ends; what a loop fails with is the agent's end."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _prune(jobs: Jobs) -> None:
    while True:
        jobs.prune()
        await asyncio.sleep(PRUNE_EVERY)

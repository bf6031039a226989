"""Removes jobs and logs that have become too old, a batch at a time; any number of replicas may do so.

What an unresolved alert refers to stays: alerts is asked, and while it does not answer nothing goes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from nats.aio.client import Client

from services.jobs.queries import retention as queries
from shared.asks.alerts import HoldJobs
from shared.bus import ask
from shared.db import Pool
from shared.refusal import Refusal
from shared.retention import BATCH, REMOVED

log = structlog.get_logger()


@dataclass
class OldJobs:
    """Goes through the old jobs once, from the oldest on, and then begins anew."""

    pool: Pool
    client: Client
    keep: timedelta
    batch: int = BATCH
    _after: queries.OldJob = queries.FIRST_JOB

    async def remove_some(self) -> bool:
        """Remove a batch; whether there may be more."""
        found = await queries.old_jobs(self.pool, self.keep, self._after, self.batch)
        free = await _free(self.client, (job.id for job in found))
        if free is None:
            return False
        if free and (removed := await queries.remove_jobs(self.pool, list(free))):
            REMOVED.labels("jobs.job").inc(removed)
            log.info("old jobs removed", jobs=removed)
        # What stays must not stand in the way of what comes behind it.
        self._after = found[-1] if len(found) == self.batch else queries.FIRST_JOB
        return len(found) == self.batch


@dataclass
class OldLogs:
    """Goes through the old logs once, from the oldest on, and then begins anew; their jobs stay."""

    pool: Pool
    client: Client
    keep: timedelta
    batch: int = BATCH
    _after: queries.Piece = queries.FIRST_PIECE

    async def remove_some(self) -> bool:
        """Remove a batch; whether there may be more."""
        found = await queries.old_pieces(self.pool, self.keep, self._after, self.batch)
        free = await _free(self.client, (piece.job_id for piece in found if piece.old))
        if free is None:
            return False
        going = [piece for piece in found if piece.old and piece.job_id in free]
        if going and (removed := await queries.remove_pieces(self.pool, going)):
            REMOVED.labels("jobs.job_log").inc(removed)
            log.info("old logs removed", pieces=removed, jobs=len(free))
        self._after = found[-1] if len(found) == self.batch else queries.FIRST_PIECE
        return len(found) == self.batch


async def _free(client: Client, jobs: Iterable[UUID]) -> set[UUID] | None:
    """Those of these jobs that no unresolved alert refers to; null when nobody can tell now."""
    found = set(jobs)
    if not found:
        return set()
    held = await ask(client, HoldJobs(job_ids=sorted(found)))
    if isinstance(held, Refusal):
        log.warning("nothing removed", reason=held.detail)
        return None
    return found - set(held)

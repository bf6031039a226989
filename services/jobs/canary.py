"""Sends a canary now and then: a failure and its success, of no job, which go the whole way that all others go."""

from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from services.jobs.news import News
from services.jobs.queries import canary as queries
from services.jobs.queries import outbox
from shared.db import Connection, Pool, in_transaction
from shared.events import JobFinished
from shared.own_host import CANARY_HOST_ID, CANARY_HOST_NAME
from shared.vocabulary import JobKind, TerminalStatus

log = structlog.get_logger()
POLL_SECONDS = 5.0
LATER = timedelta(microseconds=1)


async def send(pool: Pool, news: News, interval: timedelta) -> bool:
    """Send one if it is time; any number of replicas may ask."""

    async def work(tx: Connection) -> bool:
        at = await queries.due(tx, interval)
        if at is None:
            return False
        events = [_ended(TerminalStatus.FAILED, at), _ended(TerminalStatus.SUCCEEDED, at + LATER)]
        await outbox.say(tx, [CANARY_HOST_ID] * len(events), events)
        return True

    if await in_transaction(pool, work):
        log.debug("canary sent")
        await news.said()
    return False


def _ended(status: TerminalStatus, at: datetime) -> JobFinished:
    return JobFinished(
        event_id=uuid4(),
        job_id=None,
        host_id=CANARY_HOST_ID,
        host_name=CANARY_HOST_NAME,
        kind=JobKind.BACKUP,
        source_group_id=None,
        source_group_name=None,
        dedup_key="canary",
        status=status,
        finished_at=at,
        evidence_at=at,
        synthetic=True,
    )

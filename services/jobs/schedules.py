"""The loop that fires schedules: each tick once, whatever the number of replicas; a missed one once, late."""

from datetime import datetime
from uuid import UUID

import structlog

from services.jobs import rules
from services.jobs.desk import Desk
from services.jobs.model import DueSchedule
from services.jobs.queries import finish as finish_queries
from services.jobs.queries import schedules as queries
from shared.db import Connection, in_transaction
from shared.vocabulary import JobKind

log = structlog.get_logger()
POLL_SECONDS = 1.0
BATCH = 20


async def fire(desk: Desk, now: datetime | None = None) -> bool:
    """Make the jobs of what is due; whether more may be. `now` is for tests that move it."""

    async def work(tx: Connection) -> list[tuple[DueSchedule, list[UUID]]]:
        due = await queries.claim_due(tx, now, BATCH)
        await finish_queries.lock_hosts(tx, [schedule.host_id for schedule in due])
        return [(schedule, await _make_jobs(tx, schedule)) for schedule in due]

    fired = await in_transaction(desk.pool, work)
    for schedule, made in fired:
        tick = schedule.tick.isoformat()
        log.info("schedule fired", schedule_id=str(schedule.id), tick=tick, jobs=[str(job) for job in made])
    if any(made for _, made in fired):
        await desk.news.made()
    return len(fired) == BATCH


async def _make_jobs(tx: Connection, schedule: DueSchedule) -> list[UUID]:
    """The jobs of a tick; the next one is reckoned from now, so that what was missed fires once."""
    make = queries.make_backups if schedule.kind is JobKind.BACKUP else queries.make_repository_job
    made = await make(tx, schedule)
    following = rules.next_run(schedule.cron, schedule.timezone, schedule.now)
    if following is None:
        log.error("schedule disabled, it never comes true again", schedule_id=str(schedule.id), cron=schedule.cron)
    await queries.advance(tx, schedule.id, schedule.now, following)
    return made

"""The loop that notices silence: hosts that fall offline, and jobs that are lost by it. Our own outage is nobody's."""

from datetime import datetime
from uuid import uuid4

import structlog

from services.jobs import rules
from services.jobs.desk import Desk
from services.jobs.finish import finish_jobs
from services.jobs.handlers import GAP
from services.jobs.model import FinishedJob, HostFactRow
from services.jobs.queries import outbox
from services.jobs.queries import presence as queries
from shared.db import Connection, in_transaction
from shared.events import HostOffline

log = structlog.get_logger()
TICK_SECONDS = 5.0
BATCH = 500
LOST = "The agent has not been heard since, for longer than its host may be silent and an hour."


async def watch(desk: Desk, now: datetime | None = None) -> bool:
    """One look at who is silent; whether more may be. `now` is for tests that move it."""

    async def fall_offline(tx: Connection) -> list[HostFactRow]:
        await queries.beat_of_jobs(tx, GAP, now)
        hosts = await queries.fall_offline(tx, now, BATCH)
        if hosts:
            await outbox.say(tx, [host.id for host in hosts], [_event(host) for host in hosts])
        return hosts

    hosts = await in_transaction(desk.pool, fall_offline)
    lost = await in_transaction(desk.pool, lambda tx: _end_lost(tx, now))
    if hosts:
        log.warning("hosts offline", hosts=[host.name for host in hosts])
        await desk.news.said()
        await desk.news.host(*(host.id for host in hosts))
    if lost:
        log.warning("jobs lost", jobs=[str(job.id) for job in lost])
        await desk.news.finished(lost)
    return len(hosts) == BATCH


async def _end_lost(tx: Connection, now: datetime | None) -> list[FinishedJob]:
    jobs = await queries.unreachable_jobs(tx, now, rules.GRACE_WITHOUT_OFFLINE, rules.LOST_AFTER_GRACE, BATCH)
    return await finish_jobs(tx, [rules.lost(job.id, job.last_sign_at, LOST) for job in jobs])


def _event(host: HostFactRow) -> HostOffline:
    if host.last_seen_at is None or host.offline_after_seconds is None:
        raise ValueError(f"host {host.id} can't be offline: it was never heard, or may be silent")
    return HostOffline(
        event_id=uuid4(),
        host_id=host.id,
        host_name=host.name,
        host_labels=host.labels,
        version=host.version,
        evidence_at=host.at,
        silent_since=host.last_seen_at,
        offline_after_seconds=host.offline_after_seconds,
    )

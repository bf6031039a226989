"""Schedules: judged when they are written, so that none fails when its time comes."""

from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from services.jobs import rules
from services.jobs.answers.changes import changed, nulls_refused
from services.jobs.desk import Desk
from services.jobs.queries import finish as finish_queries
from services.jobs.queries import hosts, source_groups
from services.jobs.queries import schedules as queries
from shared import cursor
from shared.asks import schedules as asks
from shared.asks.ask import Page
from shared.db import Connection, in_transaction
from shared.refusal import Refusal
from shared.vocabulary import JobKind


async def create(desk: Desk, ask: asks.CreateSchedule) -> asks.Schedule | Refusal:
    """Make a schedule of a host."""
    schedule = asks.Schedule(
        id=uuid4(),
        host_id=ask.host_id,
        next_run_at=None,
        last_run_at=None,
        **{name: getattr(ask.body, name) for name in type(ask.body).model_fields},
    )

    async def work(tx: Connection) -> asks.Schedule | Refusal:
        judged = await _judged(tx, schedule)
        if isinstance(judged, asks.Schedule):
            await queries.insert(tx, judged)
        return judged

    try:
        return await in_transaction(desk.pool, work)
    except asyncpg.ForeignKeyViolationError:
        return Refusal.not_found("host")


async def _judged(tx: Connection, schedule: asks.Schedule) -> asks.Schedule | Refusal:
    """The schedule with its next run, or what is wrong with it."""
    if not await hosts.exists(tx, schedule.host_id):
        return Refusal.not_found("host")
    problems = rules.schedule_problems(schedule.cron, schedule.timezone)
    if schedule.source_group_ids is not None:
        problems += _group_problems(schedule, await source_groups.ids_of_host(tx, schedule.host_id))
    if problems:
        return Refusal.invalid(*problems)
    now = await finish_queries.clock(tx)
    following = rules.next_run(schedule.cron, schedule.timezone, now) if schedule.enabled else None
    return schedule.model_copy(update={"next_run_at": following, "enabled": following is not None})


def _group_problems(schedule: asks.Schedule, of_host: set[UUID]) -> list[tuple[str, str]]:
    if schedule.kind is not JobKind.BACKUP:
        return [("/source_group_ids", f"a {schedule.kind} is about the repository and must not name source groups")]
    return [
        (f"/source_group_ids/{index}", "is no source group of this host")
        for index, group in enumerate(schedule.source_group_ids or [])
        if group not in of_host
    ]


async def list_newest(desk: Desk, ask: asks.ListSchedules) -> Page[asks.Schedule] | Refusal:
    """A page of a host's schedules."""
    before = cursor.decode_time_and_id(ask.cursor)
    if isinstance(before, Refusal):
        return before
    if not await hosts.exists(desk.pool, ask.host_id):
        return Refusal.not_found("host")
    found = await queries.newest(desk.pool, ask.host_id, before, ask.limit + 1)
    page = cursor.page(found, ask.limit, lambda row: (row[1], row[0].id))
    return Page(items=[schedule for schedule, _ in page.items], next_cursor=page.next_cursor)


async def get(desk: Desk, ask: asks.GetSchedule) -> asks.Schedule | Refusal:
    """One schedule."""
    return await queries.find(desk.pool, ask.id) or Refusal.not_found("schedule")


async def patch(desk: Desk, ask: asks.PatchSchedule) -> asks.Schedule | Refusal:
    """Change a schedule; its next run is reckoned anew from now."""
    if refusal := nulls_refused(ask.changes, {"source_group_ids"}):
        return refusal

    async def work(tx: Connection) -> asks.Schedule | Refusal:
        before = await queries.lock(tx, ask.id)
        if before is None:
            return Refusal.not_found("schedule")
        judged = await _judged(tx, changed(before, ask.changes))
        if isinstance(judged, asks.Schedule):
            await queries.update(tx, judged)
        return judged

    return await in_transaction(desk.pool, work)


async def delete(desk: Desk, ask: asks.DeleteSchedule) -> Refusal | None:
    """Delete a schedule; the jobs it made stay."""
    return None if await queries.delete(desk.pool, ask.id) else Refusal.not_found("schedule")


async def preview(desk: Desk, ask: asks.PreviewSchedule) -> list[datetime] | Refusal:
    """The next runs of a schedule that is being thought of."""
    if problems := rules.schedule_problems(ask.cron, ask.timezone):
        return Refusal.invalid(*problems)
    async with desk.pool.acquire() as connection:
        now = await finish_queries.clock(connection)
    return rules.next_runs(ask.cron, ask.timezone, now, ask.count)

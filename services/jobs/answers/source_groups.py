"""Source groups: what of a host is backed up."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import structlog

from services.jobs.answers.changes import changed, nulls_refused
from services.jobs.desk import Desk
from services.jobs.finish import finish_jobs
from services.jobs.model import End, FinishedJob
from services.jobs.queries import finish as finish_queries
from services.jobs.queries import hosts, outbox
from services.jobs.queries import source_groups as queries
from shared import cursor
from shared.asks import source_groups as asks
from shared.asks.ask import Page
from shared.db import Connection, in_transaction
from shared.events import SourceGroupDeleted
from shared.refusal import Refusal
from shared.vocabulary import Engine, JobStatus

log = structlog.get_logger()


async def create(desk: Desk, ask: asks.CreateSourceGroup) -> asks.SourceGroup | Refusal:
    """Make a group of a host."""
    body = ask.body
    if refusal := _command_refused(body.engine, body.command):
        return refusal
    group = asks.SourceGroup(
        id=uuid4(),
        host_id=ask.host_id,
        last_success_at=None,
        last_job=None,
        created_at=datetime.now(UTC),
        **{name: getattr(body, name) for name in type(body).model_fields},
    )
    try:
        await in_transaction(desk.pool, lambda tx: queries.insert(tx, group))
    except asyncpg.UniqueViolationError:
        return await _name_taken(desk, ask.host_id, body.name)
    except asyncpg.ForeignKeyViolationError:
        return Refusal.not_found("host")
    return await queries.find(desk.pool, group.id) or Refusal.not_found("host")


def _command_refused(engine: Engine, command: list[str] | None) -> Refusal | None:
    if engine is Engine.COMMAND and not command:
        return Refusal.invalid(("/command", "is required with the engine 'command'"))
    if engine is not Engine.COMMAND and command is not None:
        return Refusal.invalid(("/command", "goes with the engine 'command' only"))
    return None


async def _name_taken(desk: Desk, host_id: UUID, name: str) -> Refusal:
    existing = await queries.id_of_name(desk.pool, host_id, name)
    return Refusal.conflict(f"The host has a source group named {name!r} already.", existing_id=str(existing))


async def list_newest(desk: Desk, ask: asks.ListSourceGroups) -> Page[asks.SourceGroup] | Refusal:
    """A page of a host's groups."""
    before = cursor.decode_time_and_id(ask.cursor)
    if isinstance(before, Refusal):
        return before
    if not await hosts.exists(desk.pool, ask.host_id):
        return Refusal.not_found("host")
    found = await queries.newest(desk.pool, ask.host_id, before, ask.limit + 1)
    return cursor.page(found, ask.limit, lambda group: (group.created_at, group.id))


async def get(desk: Desk, ask: asks.GetSourceGroup) -> asks.SourceGroup | Refusal:
    """One group."""
    return await queries.find(desk.pool, ask.id) or Refusal.not_found("source group")


async def patch(desk: Desk, ask: asks.PatchSourceGroup) -> asks.SourceGroup | Refusal:
    """Change a group."""
    if refusal := nulls_refused(ask.changes, {"command", "retention"}):
        return refusal

    async def work(tx: Connection) -> asks.SourceGroup | Refusal:
        before = await queries.find(tx, ask.id)
        if before is None:
            return Refusal.not_found("source group")
        await finish_queries.lock_hosts(tx, [before.host_id])
        group = changed(await queries.find(tx, ask.id) or before, ask.changes)
        if refusal := _command_refused(group.engine, group.command):
            return refusal
        await queries.update(tx, group)
        return group

    try:
        return await in_transaction(desk.pool, work)
    except asyncpg.UniqueViolationError:
        group = await queries.find(desk.pool, ask.id)
        return (
            await _name_taken(desk, group.host_id, ask.changes.name or "")
            if group
            else Refusal.not_found("source group")
        )


async def delete(desk: Desk, ask: asks.DeleteSourceGroup) -> Refusal | None:
    """Delete a group: what has not begun is cancelled, what runs goes on and is nobody's evidence when it ends."""

    async def work(tx: Connection) -> list[FinishedJob] | None:
        group = await queries.find(tx, ask.id)
        if group is None:
            return None
        fact = await finish_queries.count_fact(tx, group.host_id)
        waiting = await queries.unstarted_jobs(tx, ask.id)
        why = "cancelled: its source group was deleted"
        ended = await finish_jobs(
            tx, [End(job, JobStatus.CANCELLED, message=why, presumed=dispatched) for job, dispatched in waiting]
        )
        if fact is None or not await queries.delete(tx, ask.id):
            return None
        event = SourceGroupDeleted(
            event_id=uuid4(),
            host_id=fact.id,
            host_name=fact.name,
            host_labels=fact.labels,
            version=fact.version,
            evidence_at=fact.at,
            source_group_id=group.id,
            source_group_name=group.name,
        )
        await outbox.say(tx, [fact.id], [event])
        return ended

    ended = await in_transaction(desk.pool, work)
    if ended is None:
        return Refusal.not_found("source group")
    log.info("source group deleted", source_group_id=str(ask.id), cancelled=[str(job.id) for job in ended])
    await desk.news.finished(ended)
    return None

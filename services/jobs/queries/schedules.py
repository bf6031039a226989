"""Statements about schedules and the ticks that fall due."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.jobs.model import DueSchedule
from shared.asks.schedules import Schedule
from shared.db import Connection, Pool
from shared.vocabulary import JobKind


def _schedule(row: asyncpg.Record) -> Schedule:
    return Schedule(
        id=row["id"],
        host_id=row["host_id"],
        kind=JobKind(row["kind"]),
        cron=row["cron"],
        timezone=row["timezone"],
        source_group_ids=row["source_group_ids"],
        enabled=row["enabled"],
        next_run_at=row["next_run_at"],
        last_run_at=row["last_run_at"],
    )


async def insert(tx: Connection, schedule: Schedule) -> None:
    """Make a schedule."""
    await tx.execute(
        """
        INSERT INTO jobs.schedule (id, host_id, kind, cron, timezone, source_group_ids, enabled, next_run_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        *_columns(schedule),
    )


async def update(tx: Connection, schedule: Schedule) -> None:
    """Write what may be changed of a schedule, and what follows from it."""
    await tx.execute(
        """
        UPDATE jobs.schedule
        SET kind = $3, cron = $4, timezone = $5, source_group_ids = $6, enabled = $7, next_run_at = $8
        WHERE id = $1 AND host_id = $2
        """,
        *_columns(schedule),
    )


def _columns(schedule: Schedule) -> tuple[object, ...]:
    return (
        schedule.id,
        schedule.host_id,
        schedule.kind,
        schedule.cron,
        schedule.timezone,
        schedule.source_group_ids,
        schedule.enabled,
        schedule.next_run_at,
    )


async def find(db: Connection | Pool, identity: UUID) -> Schedule | None:
    """The schedule."""
    row = await db.fetchrow(
        """
        SELECT id, host_id, kind, cron, timezone, source_group_ids, enabled, next_run_at, last_run_at
        FROM jobs.schedule WHERE id = $1
        """,
        identity,
    )
    return _schedule(row) if row else None


async def lock(tx: Connection, identity: UUID) -> Schedule | None:
    """The schedule, to be changed: it does not fire meanwhile."""
    row = await tx.fetchrow(
        """
        SELECT id, host_id, kind, cron, timezone, source_group_ids, enabled, next_run_at, last_run_at
        FROM jobs.schedule WHERE id = $1 FOR UPDATE
        """,
        identity,
    )
    return _schedule(row) if row else None


async def newest(
    pool: Pool, host_id: UUID, before: tuple[datetime | None, UUID | None], limit: int
) -> Sequence[tuple[Schedule, datetime]]:
    """The schedules of a host and when they were made, newest first, from behind this key on."""
    rows = await pool.fetch(
        """
        SELECT id, host_id, kind, cron, timezone, source_group_ids, enabled, next_run_at, last_run_at, created_at
        FROM jobs.schedule
        WHERE host_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
        ORDER BY created_at DESC, id DESC LIMIT $4
        """,
        host_id,
        *before,
        limit,
    )
    return [(_schedule(row), row["created_at"]) for row in rows]


async def delete(tx: Connection | Pool, identity: UUID) -> bool:
    """Forget the schedule; its jobs stay."""
    return bool(await tx.fetchval("DELETE FROM jobs.schedule WHERE id = $1 RETURNING true", identity))


async def claim_due(tx: Connection, now: datetime | None, limit: int) -> list[DueSchedule]:
    """Schedules whose time has come and that no other replica is firing; `now` is the database's unless a test says."""
    rows = await tx.fetch(
        """
        SELECT id, host_id, kind, cron, timezone, source_group_ids, next_run_at, coalesce($1, now()) AS now
        FROM jobs.schedule
        WHERE next_run_at <= coalesce($1::timestamptz, now())
        ORDER BY next_run_at LIMIT $2
        FOR UPDATE SKIP LOCKED
        """,
        now,
        limit,
    )
    return [
        DueSchedule(
            id=row["id"],
            host_id=row["host_id"],
            kind=JobKind(row["kind"]),
            cron=row["cron"],
            timezone=row["timezone"],
            source_group_ids=row["source_group_ids"],
            tick=row["next_run_at"],
            now=row["now"],
        )
        for row in rows
    ]


async def advance(tx: Connection, identity: UUID, ran_at: datetime, next_run_at: datetime | None) -> None:
    """The tick is done; without a next one the schedule has come to its end."""
    await tx.execute(
        """
        UPDATE jobs.schedule
        SET last_run_at = $2, next_run_at = $3, enabled = $3::timestamptz IS NOT NULL
        WHERE id = $1
        """,
        identity,
        ran_at,
        next_run_at,
    )


async def make_backups(tx: Connection, due: DueSchedule) -> list[UUID]:
    """One backup per group of the tick; the ids of those that wait for their agent.

    The host is locked, so no rival appears between the look and the insert. A skipped job is history from its birth.
    """
    rows = await tx.fetch(
        """
        WITH wanted AS (
            SELECT source_group.id, source_group.name, host.repository_id,
                   CASE WHEN EXISTS (SELECT FROM jobs.job AS rival
                                     WHERE rival.host_id = host.id AND rival.kind = 'backup'
                                       AND rival.source_group_id = source_group.id
                                       AND rival.status IN ('queued', 'dispatched', 'running'))
                        THEN 'skipped: the previous backup of this group has not finished'
                        WHEN source_group.engine <> 'command' AND host.repository_id IS NULL
                        THEN 'skipped: the host has no repository' END AS obstacle
            FROM jobs.source_group JOIN jobs.host ON host.id = source_group.host_id
            WHERE source_group.host_id = $2
              AND ($4::uuid[] IS NULL OR source_group.id = ANY($4))
              -- Without paths a group is known from reports only: schedules pass it by.
              AND cardinality(source_group.paths) > 0
        )
        INSERT INTO jobs.job (host_id, kind, source_group_id, source_group_name, repository_id, status, message,
                              finished_at, trigger, schedule_id, tick)
        SELECT $2, 'backup', id, name, repository_id, CASE WHEN obstacle IS NULL THEN 'queued' ELSE 'skipped' END,
               obstacle, CASE WHEN obstacle IS NOT NULL THEN now() END, 'schedule', $1, $3
        FROM wanted
        ON CONFLICT (schedule_id, tick, source_group_id) WHERE schedule_id IS NOT NULL AND kind = 'backup' DO NOTHING
        RETURNING id, status
        """,
        due.id,
        due.host_id,
        due.tick,
        due.source_group_ids,
    )
    return [row["id"] for row in rows if row["status"] == "queued"]


async def make_repository_job(tx: Connection, due: DueSchedule) -> list[UUID]:
    """The forget, prune or check of the tick; its id if it waits for its agent."""
    rows = await tx.fetch(
        """
        WITH wanted AS (
            SELECT host.repository_id,
                   CASE WHEN EXISTS (SELECT FROM jobs.job AS rival
                                     WHERE rival.host_id = host.id AND rival.kind = $4
                                       AND rival.status IN ('queued', 'dispatched', 'running'))
                        THEN 'skipped: the previous ' || $4::text || ' has not finished'
                        WHEN host.repository_id IS NULL THEN 'skipped: the host has no repository'
                        WHEN $4 = 'forget' AND NOT EXISTS (SELECT FROM jobs.source_group
                                                           WHERE host_id = host.id AND retention IS NOT NULL)
                        THEN 'skipped: no source group has a retention' END AS obstacle
            FROM jobs.host WHERE host.id = $2
        )
        INSERT INTO jobs.job (host_id, kind, repository_id, status, message, finished_at, trigger, schedule_id, tick)
        SELECT $2, $4, repository_id, CASE WHEN obstacle IS NULL THEN 'queued' ELSE 'skipped' END, obstacle,
               CASE WHEN obstacle IS NOT NULL THEN now() END, 'schedule', $1, $3
        FROM wanted
        ON CONFLICT (schedule_id, tick) WHERE schedule_id IS NOT NULL AND kind <> 'backup' DO NOTHING
        RETURNING id, status
        """,
        due.id,
        due.host_id,
        due.tick,
        due.kind,
    )
    return [row["id"] for row in rows if row["status"] == "queued"]

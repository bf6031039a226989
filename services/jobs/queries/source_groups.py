"""Statements about source groups."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.asks.source_groups import LastJob, Retention, SourceGroup
from shared.db import Connection, Pool
from shared.vocabulary import Engine, ErrorClass, JobStatus


def _group(row: asyncpg.Record) -> SourceGroup:
    return SourceGroup(
        id=row["id"],
        host_id=row["host_id"],
        name=row["name"],
        paths=row["paths"],
        excludes=row["excludes"],
        engine=Engine(row["engine"]),
        command=row["command"],
        retention=Retention.model_validate_json(row["retention"]) if row["retention"] else None,
        last_success_at=row["last_success_at"],
        last_job=_last_job(row) if row["job_id"] else None,
        created_at=row["created_at"],
    )


def _last_job(row: asyncpg.Record) -> LastJob:
    return LastJob(
        id=row["job_id"],
        status=JobStatus(row["status"]),
        error_class=ErrorClass(row["error_class"]) if row["error_class"] else None,
        message=row["message"],
        created_at=row["job_created_at"],
        finished_at=row["finished_at"],
    )


async def insert(tx: Connection, group: SourceGroup) -> UUID:
    """Make a group; violates `one_group_per_name` when the name is taken at this host."""
    identity: UUID = await tx.fetchval(
        """
        INSERT INTO jobs.source_group (id, host_id, name, paths, excludes, engine, command, retention)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
        """,
        *_columns(group),
    )
    return identity


async def update(tx: Connection, group: SourceGroup) -> None:
    """Write what may be changed of a group."""
    await tx.execute(
        """
        UPDATE jobs.source_group
        SET name = $3, paths = $4, excludes = $5, engine = $6, command = $7, retention = $8
        WHERE id = $1 AND host_id = $2
        """,
        *_columns(group),
    )


def _columns(group: SourceGroup) -> tuple[object, ...]:
    retention = group.retention.model_dump_json(exclude_none=True) if group.retention else None
    return (
        group.id,
        group.host_id,
        group.name,
        group.paths,
        group.excludes,
        group.engine,
        group.command,
        retention,
    )


async def find(db: Connection | Pool, identity: UUID) -> SourceGroup | None:
    """The group and its newest job."""
    row = await db.fetchrow(
        """
        SELECT source_group.id, source_group.host_id, source_group.name, paths, excludes, engine, command, retention,
               last_success_at, source_group.created_at, last_job.id AS job_id, last_job.status,
               last_job.error_class, last_job.message, last_job.created_at AS job_created_at, last_job.finished_at
        FROM jobs.source_group
        LEFT JOIN LATERAL (SELECT id, status, error_class, message, created_at, finished_at FROM jobs.job
                           WHERE source_group_id = source_group.id
                           ORDER BY created_at DESC, id DESC LIMIT 1) AS last_job ON true
        WHERE source_group.id = $1
        """,
        identity,
    )
    return _group(row) if row else None


async def newest(
    pool: Pool, host_id: UUID, before: tuple[datetime | None, UUID | None], limit: int
) -> Sequence[SourceGroup]:
    """The groups of a host, newest first, from behind this key on."""
    rows = await pool.fetch(
        """
        SELECT source_group.id, source_group.host_id, source_group.name, paths, excludes, engine, command, retention,
               last_success_at, source_group.created_at, last_job.id AS job_id, last_job.status,
               last_job.error_class, last_job.message, last_job.created_at AS job_created_at, last_job.finished_at
        FROM jobs.source_group
        LEFT JOIN LATERAL (SELECT id, status, error_class, message, created_at, finished_at FROM jobs.job
                           WHERE source_group_id = source_group.id
                           ORDER BY created_at DESC, id DESC LIMIT 1) AS last_job ON true
        WHERE source_group.host_id = $1
          AND ($2::timestamptz IS NULL OR (source_group.created_at, source_group.id) < ($2, $3::uuid))
        ORDER BY source_group.created_at DESC, source_group.id DESC LIMIT $4
        """,
        host_id,
        *before,
        limit,
    )
    return [_group(row) for row in rows]


async def id_of_name(db: Connection | Pool, host_id: UUID, name: str) -> UUID | None:
    """The group of this name at this host."""
    found: UUID | None = await db.fetchval(
        "SELECT id FROM jobs.source_group WHERE host_id = $1 AND lower(name) = lower($2)", host_id, name
    )
    return found


async def ids_of_host(db: Connection | Pool, host_id: UUID) -> set[UUID]:
    """The groups of a host."""
    return {row["id"] for row in await db.fetch("SELECT id FROM jobs.source_group WHERE host_id = $1", host_id)}


async def count_retentions(db: Connection | Pool, host_id: UUID) -> int:
    """How many groups of a host say what to keep."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM jobs.source_group WHERE host_id = $1 AND retention IS NOT NULL", host_id
    )
    return count


async def unstarted_jobs(tx: Connection, identity: UUID) -> list[tuple[UUID, bool]]:
    """The group's jobs that no agent has begun, and whether one may have by now: it was sent."""
    rows = await tx.fetch(
        """
        SELECT id, status = 'dispatched' AS sent FROM jobs.job
        WHERE source_group_id = $1 AND status IN ('queued', 'dispatched')
        ORDER BY id FOR UPDATE
        """,
        identity,
    )
    return [(row["id"], row["sent"]) for row in rows]


async def delete(tx: Connection, identity: UUID) -> str | None:
    """Forget the group, also in schedules, and give the name it had; its jobs stay, without a group."""
    await tx.execute(
        """
        UPDATE jobs.schedule SET source_group_ids = array_remove(source_group_ids, $1)
        WHERE source_group_ids @> ARRAY[$1::uuid]
        """,
        identity,
    )
    name: str | None = await tx.fetchval("DELETE FROM jobs.source_group WHERE id = $1 RETURNING name", identity)
    return name

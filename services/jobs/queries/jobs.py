"""Statements about jobs and their logs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.jobs import rules
from shared.asks.jobs import Job, ListJobs, PastRun
from shared.db import Connection, Pool
from shared.vocabulary import ErrorClass, HostStatus, JobKind, JobStatus, JobTrigger


@dataclass(frozen=True)
class Target:
    """What a job would be run on."""

    host_id: UUID
    repository_id: UUID | None
    group_name: str | None
    engine: str | None
    paths: int
    retentions: int


def _job(row: asyncpg.Record) -> Job:
    status = JobStatus(row["status"])
    return Job(
        id=row["id"],
        host_id=row["host_id"],
        host_name=row["host_name"],
        kind=JobKind(row["kind"]),
        source_group_id=row["source_group_id"],
        source_group_name=row["source_group_name"],
        repository_id=row["repository_id"],
        status=status,
        trigger=JobTrigger(row["trigger"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        exit_code=row["exit_code"],
        error_class=ErrorClass(row["error_class"]) if row["error_class"] else None,
        message=row["message"] or rules.waiting(status, HostStatus(row["host_status"]), row["last_seen_at"]),
        summary=json.loads(row["summary"]) if row["summary"] else None,
        progress=json.loads(row["progress"]) if row["progress"] else None,
    )


async def find(db: Connection | Pool, identity: UUID) -> Job | None:
    """The job as people see it."""
    row = await db.fetchrow(
        """
        SELECT id, host_id, host_name, kind, source_group_id, source_group_name, repository_id, status, trigger,
               created_at, started_at, finished_at, exit_code, error_class, message, summary, progress, host_status,
               last_seen_at
        FROM jobs.job_shown WHERE id = $1
        """,
        identity,
    )
    return _job(row) if row else None


async def newest(pool: Pool, asked: ListJobs, before: tuple[datetime | None, UUID | None]) -> Sequence[Job]:
    """Jobs, newest first, from behind this key on; one more than asked, to see whether more follow."""
    rows = await pool.fetch(
        """
        SELECT id, host_id, host_name, kind, source_group_id, source_group_name, repository_id, status, trigger,
               created_at, started_at, finished_at, exit_code, error_class, message, summary, progress, host_status,
               last_seen_at
        FROM jobs.job_shown
        WHERE ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid))
          AND (cardinality($3::uuid[]) = 0 OR host_id = ANY($3))
          AND (cardinality($4::text[]) = 0 OR kind = ANY($4))
          AND (cardinality($5::text[]) = 0 OR status = ANY($5))
          AND (cardinality($6::uuid[]) = 0 OR source_group_id = ANY($6))
          AND ($7::timestamptz IS NULL OR created_at >= $7)
          AND ($8::timestamptz IS NULL OR created_at < $8)
        ORDER BY created_at DESC, id DESC LIMIT $9
        """,
        *before,
        asked.host_ids,
        asked.kinds,
        asked.statuses,
        asked.source_group_ids,
        asked.since,
        asked.until,
        asked.limit + 1,
    )
    return [_job(row) for row in rows]


async def past_runs_of_group(pool: Pool, group_id: UUID, count: int) -> list[PastRun]:
    """The last finished backups of a group that ran, newest first."""
    rows = await pool.fetch(
        """
        SELECT id, status, started_at, finished_at,
               jobs.whole_number(summary -> 'total_bytes_processed') AS bytes_processed,
               jobs.whole_number(summary -> 'data_added') AS bytes_added
        FROM jobs.job
        WHERE source_group_id = $1 AND finished_at IS NOT NULL AND started_at IS NOT NULL
        ORDER BY created_at DESC, id DESC LIMIT $2
        """,
        group_id,
        count,
    )
    return [_past_run(row) for row in rows]


async def past_runs_of_kind(pool: Pool, host_id: UUID, kind: JobKind, count: int) -> list[PastRun]:
    """The last finished jobs of this kind about a host's repository that ran, newest first; none for backups."""
    rows = await pool.fetch(
        """
        SELECT id, status, started_at, finished_at, NULL::bigint AS bytes_processed, NULL::bigint AS bytes_added
        FROM jobs.job
        WHERE host_id = $1 AND kind = $2 AND kind <> 'backup' AND finished_at IS NOT NULL AND started_at IS NOT NULL
        ORDER BY created_at DESC, id DESC LIMIT $3
        """,
        host_id,
        kind,
        count,
    )
    return [_past_run(row) for row in rows]


def _past_run(row: asyncpg.Record) -> PastRun:
    return PastRun(**{**row, "status": JobStatus(row["status"])})


async def lock_target(tx: Connection, host_id: UUID | None, group_id: UUID | None) -> Target | None:
    """The host, locked, and the group, if one is named and is the host's: what a job needs to know before it is made.

    Named by its group alone, the host is the group's.
    """
    row = await tx.fetchrow(
        """
        SELECT host.id, host.repository_id, source_group.name, source_group.engine,
               coalesce(cardinality(source_group.paths), 0) AS paths,
               (SELECT count(*) FROM jobs.source_group AS each
                WHERE each.host_id = host.id AND each.retention IS NOT NULL) AS retentions
        FROM jobs.host LEFT JOIN jobs.source_group ON source_group.host_id = host.id AND source_group.id = $2
        WHERE CASE WHEN $1::uuid IS NULL THEN source_group.id IS NOT NULL ELSE host.id = $1 END
        FOR NO KEY UPDATE OF host
        """,
        host_id,
        group_id,
    )
    if row is None:
        return None
    return Target(row["id"], row["repository_id"], row["name"], row["engine"], row["paths"], row["retentions"])


async def unfinished(tx: Connection, host_id: UUID, kind: JobKind, group_id: UUID | None) -> UUID | None:
    """The unfinished job of this host, kind and group, which another must not join."""
    found: UUID | None = await tx.fetchval(
        """
        SELECT id FROM jobs.job
        WHERE host_id = $1 AND kind = $2 AND source_group_id IS NOT DISTINCT FROM $3
          AND status IN ('queued', 'dispatched', 'running')
          AND (kind <> 'backup' OR source_group_id IS NOT NULL)
        """,
        host_id,
        kind,
        group_id,
    )
    return found


async def insert(tx: Connection, kind: JobKind, group_id: UUID | None, target: Target) -> UUID:
    """Make a job that waits for its agent."""
    identity: UUID = await tx.fetchval(
        """
        INSERT INTO jobs.job (host_id, kind, source_group_id, source_group_name, repository_id, status, trigger)
        VALUES ($1, $2, $3, $4, $5, 'queued', 'manual') RETURNING id
        """,
        target.host_id,
        kind,
        group_id,
        target.group_name,
        target.repository_id,
    )
    return identity


async def request_cancel(tx: Connection, identity: UUID) -> None:
    """Note that the job is to be stopped; the dispatcher tells the agent until it has."""
    await tx.execute(
        """
        UPDATE jobs.job SET cancel_requested_at = coalesce(cancel_requested_at, now()), cancel_sent_at = NULL
        WHERE id = $1
        """,
        identity,
    )


async def log_length(db: Connection | Pool, identity: UUID) -> int | None:
    """How many bytes of the job's log there are; null when there is no such job."""
    length: int | None = await db.fetchval(
        """
        SELECT coalesce((SELECT sum(length(text)) FROM jobs.job_log WHERE job_id = job.id), 0)::bigint
        FROM jobs.job WHERE id = $1
        """,
        identity,
    )
    return length


async def log_slice(db: Connection | Pool, identity: UUID, start: int, end: int) -> bytes:
    """These bytes of the job's log."""
    rows = await db.fetch(
        """
        WITH piece AS (
            SELECT start, text, (sum(length(text)) OVER (ORDER BY start))::bigint AS upto
            FROM jobs.job_log WHERE job_id = $1
        )
        SELECT text, upto - length(text) AS at FROM piece
        WHERE upto > $2 AND upto - length(text) < $3
        ORDER BY start
        """,
        identity,
        start,
        end,
    )
    return b"".join(row["text"][max(0, start - row["at"]) : end - row["at"]] for row in rows)

"""Statements that find and remove what has become too old. Only jobs that have ended are ever found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.db import Pool


@dataclass(frozen=True)
class OldJob:
    """A job that may go, and its place in the line of all jobs."""

    id: UUID
    created_at: datetime


@dataclass(frozen=True)
class Piece:
    """A piece of a log, and whether its job ended long enough ago."""

    job_id: UUID
    start: int
    old: bool = False


FIRST_JOB = OldJob(UUID(int=0), datetime(1, 1, 2, tzinfo=UTC))
FIRST_PIECE = Piece(UUID(int=0), -1)


async def old_jobs(pool: Pool, keep: timedelta, after: OldJob, limit: int) -> list[OldJob]:
    """Jobs that ended longer ago than this, oldest first; never what people see as the last one of its kind.

    That is the newest job of each group and its newest success, and of what is about a repository the newest of each
    kind at its host.
    """
    rows = await pool.fetch(
        """
        SELECT job.id, job.created_at FROM jobs.job
        WHERE (job.created_at, job.id) > ($1, $2) AND job.created_at < now() - $3::interval
          AND job.status NOT IN ('queued', 'dispatched', 'running') AND job.finished_at < now() - $3::interval
          AND (job.kind <> 'backup' OR job.source_group_id IS NULL
               OR EXISTS (SELECT FROM jobs.job AS newer
                          WHERE newer.source_group_id = job.source_group_id
                            AND (newer.created_at, newer.id) > (job.created_at, job.id)))
          AND (job.kind <> 'backup' OR job.source_group_id IS NULL OR job.status NOT IN ('succeeded', 'warning')
               OR EXISTS (SELECT FROM jobs.job AS newer
                          WHERE newer.source_group_id = job.source_group_id
                            AND (newer.created_at, newer.id) > (job.created_at, job.id)
                            AND newer.status IN ('succeeded', 'warning')))
          AND (job.kind = 'backup'
               OR EXISTS (SELECT FROM jobs.job AS newer
                          WHERE newer.host_id = job.host_id AND newer.kind = job.kind AND newer.kind <> 'backup'
                            AND (newer.created_at, newer.id) > (job.created_at, job.id)))
        ORDER BY job.created_at, job.id LIMIT $4
        """,
        after.created_at,
        after.id,
        keep,
        limit,
    )
    return [OldJob(row["id"], row["created_at"]) for row in rows]


async def remove_jobs(pool: Pool, jobs: Sequence[UUID]) -> int:
    """Remove these jobs with their logs, but for those that somebody holds; how many went."""
    removed: int = await pool.fetchval(
        """
        WITH going AS MATERIALIZED (
            SELECT id FROM jobs.job
            WHERE id = ANY($1::uuid[]) AND status NOT IN ('queued', 'dispatched', 'running')
            ORDER BY id FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM jobs.job USING going WHERE job.id = going.id RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        jobs,
    )
    return removed


async def old_pieces(pool: Pool, keep: timedelta, after: Piece, limit: int) -> list[Piece]:
    """Pieces of the logs of jobs that were made longer ago than this, from behind this place on."""
    rows = await pool.fetch(
        """
        SELECT piece.job_id, piece.start, coalesce(job.finished_at < now() - $3::interval, false) AS old
        FROM jobs.job_log AS piece JOIN jobs.job ON job.id = piece.job_id
        WHERE (piece.job_id, piece.start) > ($1, $2)
          -- Jobs with a log were made by us, and their ids are in the order of time: no index of its own is needed.
          AND piece.job_id < (SELECT uuidv7(-$3::interval))
        ORDER BY piece.job_id, piece.start LIMIT $4
        """,
        after.job_id,
        after.start,
        keep,
        limit,
    )
    return [Piece(row["job_id"], row["start"], row["old"]) for row in rows]


async def remove_pieces(pool: Pool, pieces: Sequence[Piece]) -> int:
    """Remove these pieces, but for those that somebody holds; how many went."""
    removed: int = await pool.fetchval(
        """
        WITH going AS MATERIALIZED (
            SELECT job_log.job_id, job_log.start
            FROM unnest($1::uuid[], $2::bigint[]) AS old (job_id, start) JOIN jobs.job_log USING (job_id, start)
            ORDER BY job_log.job_id, job_log.start FOR UPDATE OF job_log SKIP LOCKED
        ), gone AS (
            DELETE FROM jobs.job_log USING going
            WHERE job_log.job_id = going.job_id AND job_log.start = going.start RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        [piece.job_id for piece in pieces],
        [piece.start for piece in pieces],
    )
    return removed

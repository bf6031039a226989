"""Statements about agents: what they are sent, what they say, and when they fall silent."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.jobs.model import Dispatch, HostFactRow, SilentJob
from shared import agent_protocol as wire
from shared.db import Connection, Pool
from shared.vocabulary import JobKind

LOG_LIMIT = 5_000_000


async def greet(tx: Connection, host_id: UUID, connection_id: UUID, hello: wire.Hello) -> datetime | None:
    """Note who speaks for the host now; when its agent was heard last before (null: never, or no such host)."""
    before: datetime | None = await tx.fetchval(
        """
        UPDATE jobs.host SET connection_id = $2, agent_version = $3, restic_version = $4, os = $5, engines = $6,
                             last_seen_at = clock_timestamp()
        WHERE id = $1 RETURNING old.last_seen_at
        """,
        host_id,
        connection_id,
        hello.agent_version,
        hello.restic_version,
        hello.os,
        hello.engines,
    )
    return before


async def missed_by(tx: Connection, host_id: UUID, hello: wire.Hello, overlap: timedelta) -> list[SilentJob]:
    """Jobs that the agent had started and no longer has.

    One that started after the hello was sent is not missed: their messages crossed. The agent's clock decides, and
    where that went backwards, time does.
    """
    rows = await tx.fetch(
        """
        SELECT id, running_since FROM jobs.job
        WHERE host_id = $1 AND status = 'running' AND NOT id = ANY($2)
          AND (started_at <= $3 OR running_since < clock_timestamp() - $4::interval)
        """,
        host_id,
        [*hello.running, *hello.spooled],
        hello.sent_at,
        overlap,
    )
    return [SilentJob(row["id"], row["running_since"]) for row in rows]


async def resend_soon(tx: Connection, host_id: UUID) -> None:
    """What was sent and not started goes out again at once: a new connection has not heard it."""
    await tx.execute(
        "UPDATE jobs.job SET sent_at = NULL WHERE host_id = $1 AND status = 'dispatched'",
        host_id,
    )


async def heard(tx: Connection, host_ids: Sequence[UUID]) -> None:
    """These hosts' agents live. One that is being written just now is heard next time."""
    await tx.execute(
        """
        UPDATE jobs.host SET last_seen_at = clock_timestamp()
        WHERE id IN (SELECT id FROM jobs.host WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
        """,
        host_ids,
    )


async def back_online(tx: Connection, host_ids: Sequence[UUID]) -> list[HostFactRow]:
    """Those of these hosts that were announced offline: from now on they are not."""
    rows = await tx.fetch(
        """
        UPDATE jobs.host SET offline_announced_at = NULL, fact_version = fact_version + 1
        WHERE id IN (SELECT id FROM jobs.host WHERE id = ANY($1) AND offline_announced_at IS NOT NULL
                     ORDER BY id FOR NO KEY UPDATE)
        RETURNING id, name, labels, fact_version, clock_timestamp() AS at
        """,
        host_ids,
    )
    return [
        HostFactRow(row["id"], row["name"], json.loads(row["labels"]), row["fact_version"], row["at"]) for row in rows
    ]


@dataclass(frozen=True)
class RunningJob:
    """A job that runs."""

    source_group_id: UUID | None


async def started(tx: Connection, host_id: UUID, job_id: UUID, started_at: datetime) -> RunningJob | None:
    """The job runs; null when that is no news."""
    row = await tx.fetchrow(
        """
        UPDATE jobs.job SET status = 'running', started_at = $3, running_since = clock_timestamp()
        WHERE id = $1 AND host_id = $2 AND status IN ('queued', 'dispatched') RETURNING source_group_id
        """,
        job_id,
        host_id,
        started_at,
    )
    return RunningJob(row["source_group_id"]) if row else None


async def progressed(pool: Pool, host_id: UUID, job_id: UUID, progress: dict[str, Any]) -> RunningJob | None:
    """Keep the latest progress; null when there was one less than a second ago."""
    row = await pool.fetchrow(
        """
        UPDATE jobs.job SET progress = $3, progress_at = now()
        WHERE id = $1 AND host_id = $2 AND status = 'running'
          AND (progress_at IS NULL OR progress_at < now() - interval '0.9 seconds')
        RETURNING source_group_id
        """,
        job_id,
        host_id,
        json.dumps(progress),
    )
    return RunningJob(row["source_group_id"]) if row else None


async def append_log(pool: Pool, host_id: UUID, job_id: UUID, start: int, text: bytes) -> None:
    """Keep a piece of a job's log, without what is there already and what is beyond the limit."""
    await pool.execute(
        """
        WITH known AS (
            SELECT job.id, coalesce((SELECT start + length(text) FROM jobs.job_log
                                     WHERE job_id = job.id ORDER BY start DESC LIMIT 1), 0) AS upto
            FROM jobs.job WHERE job.id = $1 AND job.host_id = $2
        )
        INSERT INTO jobs.job_log (job_id, start, text)
        SELECT id, greatest($3, upto), substr($4::bytea, (greatest($3, upto) - $3 + 1)::int)
        FROM known
        WHERE $3 + length($4::bytea) > upto AND upto < $5
        ON CONFLICT DO NOTHING
        """,
        job_id,
        host_id,
        start,
        text,
        LOG_LIMIT,
    )


async def host_of_job(tx: Connection, job_id: UUID) -> UUID | None:
    """The host of a job."""
    found: UUID | None = await tx.fetchval("SELECT host_id FROM jobs.job WHERE id = $1", job_id)
    return found


async def claim_dispatches(tx: Connection, again_after: timedelta, limit: int) -> list[Dispatch]:
    """Jobs to be sent now, to agents that are online: new ones, and those sent a while ago that have not started."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT job.id FROM jobs.job JOIN jobs.host ON host.id = job.host_id
            WHERE job.status IN ('queued', 'dispatched')
              AND (job.sent_at IS NULL OR job.sent_at < clock_timestamp() - $1::interval)
              AND job.cancel_requested_at IS NULL
              -- Its group is gone, and with it what to back up.
              AND (job.kind <> 'backup' OR job.source_group_id IS NOT NULL)
              AND jobs.host_status(host.last_seen_at) = 'online'
            ORDER BY job.created_at LIMIT $2
            FOR UPDATE OF job SKIP LOCKED
        ), sent AS (
            UPDATE jobs.job SET status = 'dispatched', sent_at = clock_timestamp() FROM due WHERE job.id = due.id
            RETURNING job.id, job.host_id, job.kind, job.source_group_id, job.repository_id,
                      old.status = 'queued' AS newly
        )
        SELECT sent.id, sent.host_id, host.name AS host_name, sent.kind, sent.source_group_id, sent.newly,
               sent.repository_id, repository.may_create, repository.source, repository.restic_id,
               repository.secrets, source_group.name AS group_name, source_group.paths, source_group.excludes,
               source_group.engine, source_group.command,
               CASE WHEN sent.kind = 'forget' THEN
                   (SELECT jsonb_agg(jsonb_build_object('source_group_id', id, 'retention', retention) ORDER BY id)
                    FROM jobs.source_group WHERE host_id = sent.host_id AND retention IS NOT NULL) END AS forget
        FROM sent
        JOIN jobs.host ON host.id = sent.host_id
        LEFT JOIN jobs.repository ON repository.id = sent.repository_id
        LEFT JOIN jobs.source_group ON source_group.id = sent.source_group_id
        """,
        again_after,
        limit,
    )
    return [
        Dispatch(
            job_id=row["id"],
            host_id=row["host_id"],
            host_name=row["host_name"],
            kind=JobKind(row["kind"]),
            source_group_id=row["source_group_id"],
            source_group=row["source_group_id"]
            and {
                "id": row["source_group_id"],
                "name": row["group_name"],
                "paths": row["paths"],
                "excludes": row["excludes"],
                "command": row["command"],
            },
            engine=row["engine"] or "restic",
            repository_id=row["repository_id"],
            repository=row["repository_id"]
            and {
                "id": row["repository_id"],
                "create": row["may_create"],
                "source": row["source"],
                "restic_id": row["restic_id"],
            },
            secrets=row["secrets"],
            forget=json.loads(row["forget"]) if row["forget"] else [],
            newly=row["newly"],
        )
        for row in rows
    ]


async def claim_cancels(tx: Connection, again_after: timedelta, limit: int) -> list[tuple[UUID, UUID]]:
    """Jobs, with their hosts, whose agents are to be told to stop them, now or again."""
    rows = await tx.fetch(
        """
        UPDATE jobs.job SET cancel_sent_at = clock_timestamp()
        WHERE id IN (SELECT id FROM jobs.job
                     WHERE status IN ('dispatched', 'running') AND cancel_requested_at IS NOT NULL
                       AND (cancel_sent_at IS NULL OR cancel_sent_at < clock_timestamp() - $1::interval)
                     LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING id, host_id
        """,
        again_after,
        limit,
    )
    return [(row["id"], row["host_id"]) for row in rows]


async def never_begun(tx: Connection, after: timedelta, limit: int) -> list[UUID]:
    """Jobs to be cancelled whose online agent had time to say that it began them, and did not."""
    rows = await tx.fetch(
        """
        SELECT job.id FROM jobs.job JOIN jobs.host ON host.id = job.host_id
        WHERE job.status = 'dispatched' AND job.cancel_requested_at < clock_timestamp() - $1::interval
          AND jobs.host_status(host.last_seen_at) = 'online'
        ORDER BY job.id LIMIT $2
        """,
        after,
        limit,
    )
    return [row["id"] for row in rows]

"""Statements of the one door through which every job ends."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.jobs.model import End, FinishedJob, HostFactRow, Standing
from shared.db import Connection
from shared.vocabulary import ErrorClass, JobKind, JobStatus


async def lock_hosts(tx: Connection, host_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these hosts that exist, locked: what is said about a host is said in commit order from here on."""
    rows = await tx.fetch(
        "SELECT id FROM jobs.host WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
        host_ids,
    )
    return {row["id"] for row in rows}


async def lock_hosts_of_jobs(tx: Connection, job_ids: Sequence[UUID]) -> None:
    """As `lock_hosts`, for the hosts of these jobs."""
    await tx.execute(
        """
        SELECT id FROM jobs.host
        WHERE id IN (SELECT host_id FROM jobs.job WHERE id = ANY($1))
        ORDER BY id FOR NO KEY UPDATE
        """,
        job_ids,
    )


async def clock(tx: Connection) -> datetime:
    """Now, by the one clock that all replicas share; later than any lock taken before."""
    now: datetime = await tx.fetchval("SELECT clock_timestamp()")
    return now


async def lock_jobs(tx: Connection, job_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """These jobs, as far as they exist, locked."""
    rows = await tx.fetch(
        "SELECT id, status, presumed FROM jobs.job WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        job_ids,
    )
    return {row["id"]: Standing(row["id"], JobStatus(row["status"]), row["presumed"]) for row in rows}


async def write_ends(tx: Connection, ends: Sequence[End], evidence: Sequence[datetime]) -> None:
    """Write how these jobs ended; `evidence` holds when, by our clock."""
    await tx.execute(
        """
        UPDATE jobs.job SET
            status = ended.status, message = ended.message, error_class = ended.error_class,
            exit_code = ended.exit_code, summary = ended.summary::jsonb,
            started_at = coalesce(ended.started_at, job.started_at),
            finished_at = ended.finished_at, evidence_at = ended.evidence_at, presumed = ended.presumed
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[],
                    $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::bool[])
            AS ended (id, status, message, error_class, exit_code, summary,
                      started_at, finished_at, evidence_at, presumed)
        WHERE job.id = ended.id
        """,
        [end.job_id for end in ends],
        [end.status for end in ends],
        [end.message for end in ends],
        [end.error_class for end in ends],
        [end.exit_code for end in ends],
        [None if end.summary is None else json.dumps(end.summary) for end in ends],
        [end.started_at for end in ends],
        [end.finished_at or at for end, at in zip(ends, evidence, strict=True)],
        list(evidence),
        [end.presumed for end in ends],
    )


async def move_last_success(tx: Connection, job_ids: Sequence[UUID]) -> None:
    """Move `last_success_at` of the groups of these jobs forward; a warning counts, since a snapshot exists."""
    await tx.execute(
        """
        UPDATE jobs.source_group SET last_success_at = newest.at
        FROM (SELECT source_group_id, max(evidence_at) AS at FROM jobs.job
              WHERE id = ANY($1) AND kind = 'backup' AND status IN ('succeeded', 'warning')
              GROUP BY source_group_id) AS newest
        WHERE source_group.id = newest.source_group_id
          AND (source_group.last_success_at IS NULL OR source_group.last_success_at < newest.at)
        """,
        job_ids,
    )


async def finished_jobs(tx: Connection, job_ids: Sequence[UUID]) -> list[FinishedJob]:
    """These jobs as their own rows say, in the order asked."""
    rows = await tx.fetch(
        """
        SELECT job.id, job.host_id, host.name AS host_name, host.labels, job.kind, job.source_group_id,
               coalesce(source_group.name, job.source_group_name) AS source_group_name, job.status, job.exit_code,
               job.error_class, job.message, job.summary, job.started_at, job.finished_at, job.evidence_at,
               source_group.last_success_at
        FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, position)
        JOIN jobs.job ON job.id = wanted.id
        JOIN jobs.host ON host.id = job.host_id
        LEFT JOIN jobs.source_group ON source_group.id = job.source_group_id
        ORDER BY wanted.position
        """,
        job_ids,
    )
    return [
        FinishedJob(
            id=row["id"],
            host_id=row["host_id"],
            host_name=row["host_name"],
            host_labels=json.loads(row["labels"]),
            kind=JobKind(row["kind"]),
            source_group_id=row["source_group_id"],
            source_group_name=row["source_group_name"],
            status=JobStatus(row["status"]),
            exit_code=row["exit_code"],
            error_class=ErrorClass(row["error_class"]) if row["error_class"] else None,
            message=row["message"],
            summary=json.loads(row["summary"]) if row["summary"] else None,
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            evidence_at=row["evidence_at"],
            last_success_at=row["last_success_at"],
        )
        for row in rows
    ]


async def count_fact(tx: Connection, host_id: UUID) -> HostFactRow | None:
    """The host, locked, with the number of the fact that is about to be told of it; null when it is gone."""
    row = await tx.fetchrow(
        """
        UPDATE jobs.host SET fact_version = fact_version + 1 WHERE id = $1
        RETURNING id, name, labels, fact_version, clock_timestamp() AS at
        """,
        host_id,
    )
    if row is None:
        return None
    return HostFactRow(row["id"], row["name"], json.loads(row["labels"]), row["fact_version"], row["at"])

"""Statements for reports of jobs that ran elsewhere; each takes a whole batch."""

import json
from collections.abc import Sequence
from uuid import UUID

from services.jobs.model import ReportedJob
from shared.db import Connection


async def hosts_named(tx: Connection, names: Sequence[str]) -> dict[str, UUID]:
    """The hosts of these names, by the name as it was asked, without regard to case."""
    rows = await tx.fetch(
        """
        SELECT asked.name, host.id
        FROM unnest($1::text[]) AS asked (name) JOIN jobs.host ON lower(host.name) = lower(asked.name)
        """,
        names,
    )
    return {row["name"]: row["id"] for row in rows}


async def groups_named(tx: Connection, host_ids: Sequence[UUID], names: Sequence[str]) -> dict[tuple[UUID, str], UUID]:
    """The source groups of these names at these hosts, by host and the name as it was asked."""
    rows = await tx.fetch(
        """
        SELECT asked.host_id, asked.name, source_group.id
        FROM unnest($1::uuid[], $2::text[]) AS asked (host_id, name)
        JOIN jobs.source_group
          ON source_group.host_id = asked.host_id AND lower(source_group.name) = lower(asked.name)
        """,
        host_ids,
        names,
    )
    return {(row["host_id"], row["name"]): row["id"] for row in rows}


async def hosts_of_groups(tx: Connection, group_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The host of each of these source groups."""
    rows = await tx.fetch("SELECT id, host_id FROM jobs.source_group WHERE id = ANY($1)", group_ids)
    return {row["id"]: row["host_id"] for row in rows}


async def known_jobs(tx: Connection, job_ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, str]]:
    """The host and the trigger of those of these jobs that exist."""
    rows = await tx.fetch("SELECT id, host_id, trigger FROM jobs.job WHERE id = ANY($1)", job_ids)
    return {row["id"]: (row["host_id"], row["trigger"]) for row in rows}


async def create_hosts(tx: Connection, names: Sequence[str]) -> None:
    """Make hosts that nothing is known of but the name; one that exists stays as it is."""
    await tx.execute(
        "INSERT INTO jobs.host (name, offline_after_seconds) SELECT name, 600 FROM unnest($1::text[]) AS name "
        "ORDER BY lower(name) ON CONFLICT DO NOTHING",
        names,
    )


async def create_groups(tx: Connection, host_ids: Sequence[UUID], names: Sequence[str]) -> None:
    """Make source groups without paths, known from reports only; one that exists stays as it is."""
    await tx.execute(
        """
        INSERT INTO jobs.source_group (host_id, name, paths)
        SELECT host_id, name, '{}' FROM unnest($1::uuid[], $2::text[]) AS wanted (host_id, name)
        ORDER BY host_id, lower(name)
        ON CONFLICT DO NOTHING
        """,
        host_ids,
        names,
    )


async def insert(tx: Connection, reported: Sequence[ReportedJob]) -> list[UUID]:
    """Write finished jobs; the ids of those that were not known yet, in the order given."""
    rows = await tx.fetch(
        """
        INSERT INTO jobs.job (id, host_id, kind, source_group_id, source_group_name, status, trigger, created_at,
                              started_at, finished_at, evidence_at, exit_code, error_class, message, summary)
        SELECT told.id, told.host_id, told.kind, told.source_group_id, source_group.name, told.status, 'report',
               told.created_at, told.started_at, told.finished_at, told.evidence_at, told.exit_code,
               told.error_class, told.message, told.summary::jsonb
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[],
                    $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::int[], $11::text[],
                    $12::text[], $13::text[])
            WITH ORDINALITY AS told (id, host_id, kind, source_group_id, status, created_at, started_at,
                                     finished_at, evidence_at, exit_code, error_class, message, summary, position)
        LEFT JOIN jobs.source_group ON source_group.id = told.source_group_id
        ORDER BY told.position
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        [job.id for job in reported],
        [job.host_id for job in reported],
        [job.kind for job in reported],
        [job.source_group_id for job in reported],
        [job.end.status for job in reported],
        [job.created_at for job in reported],
        [job.end.started_at for job in reported],
        [job.end.finished_at for job in reported],
        [job.evidence_at for job in reported],
        [job.end.exit_code for job in reported],
        [job.end.error_class for job in reported],
        [job.end.message for job in reported],
        [None if job.end.summary is None else json.dumps(job.end.summary) for job in reported],
    )
    return [row["id"] for row in rows]

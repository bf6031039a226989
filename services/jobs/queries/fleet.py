"""Statements about many hosts at once: their months, their next runs, and how many there are."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from uuid import UUID

import asyncpg

from services.jobs import rules
from shared.asks.fleet import DAYS, DAYS_PER_SIZE, FleetGroup, GroupStanding, NextRun, Standing
from shared.db import Pool
from shared.vocabulary import DayOutcome, HostStatus, JobKind, JobStatus


async def groups(pool: Pool, host_ids: Sequence[UUID], today: date) -> dict[UUID, list[FleetGroup]]:
    """The source groups of these hosts by name, each with the days up to `today`."""
    rows = await pool.fetch(
        """
        SELECT source_group.id, source_group.host_id, source_group.name, source_group.last_success_at,
               strip.days, strip.outcomes, trend.sizes
        FROM jobs.source_group
        -- A month of a group is read from jobs_of_a_group_and_how_they_ended alone.
        CROSS JOIN LATERAL (
            SELECT array_agg(day) AS days, array_agg(outcome) AS outcomes
            FROM (SELECT (created_at AT TIME ZONE 'UTC')::date - ($2::date - $3::int + 1) AS day,
                         CASE max(CASE status WHEN 'failed' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END)
                              WHEN 2 THEN 'failed' WHEN 1 THEN 'warning' ELSE 'succeeded' END AS outcome
                  FROM jobs.job
                  WHERE source_group_id = source_group.id
                    AND created_at >= ($2::date - $3::int + 1)::timestamp AT TIME ZONE 'UTC'
                    AND created_at < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
                    AND status IN ('succeeded', 'warning', 'failed')
                  GROUP BY 1) AS each_day) AS strip
        -- Sizes stand in the summaries, so jobs are read for them: one per span, whatever else ran.
        CROSS JOIN LATERAL (
            SELECT array_agg(newest.size ORDER BY span) AS sizes
            FROM generate_series(0, $3::int / $4::int - 1) AS span
            LEFT JOIN LATERAL (
                SELECT (summary -> 'total_bytes_processed')::text AS size
                FROM jobs.job
                WHERE source_group_id = source_group.id
                  AND created_at >= ($2::date - $3::int + 1 + span * $4::int)::timestamp AT TIME ZONE 'UTC'
                  AND created_at < ($2::date - $3::int + 1 + (span + 1) * $4::int)::timestamp AT TIME ZONE 'UTC'
                  AND status IN ('succeeded', 'warning')
                ORDER BY created_at DESC, id DESC LIMIT 1) AS newest ON true) AS trend
        WHERE source_group.host_id = ANY($1)
        ORDER BY source_group.host_id, lower(source_group.name)
        """,
        host_ids,
        today,
        DAYS,
        DAYS_PER_SIZE,
    )
    found: dict[UUID, list[FleetGroup]] = {}
    for row in rows:
        found.setdefault(row["host_id"], []).append(_group(row))
    return found


def _group(row: asyncpg.Record) -> FleetGroup:
    outcomes = {day: DayOutcome(outcome) for day, outcome in zip(row["days"] or (), row["outcomes"] or (), strict=True)}
    return FleetGroup(
        id=row["id"],
        name=row["name"],
        last_success_at=row["last_success_at"],
        days=[outcomes.get(day, DayOutcome.NOTHING) for day in range(DAYS)],
        sizes=[rules.size(told) for told in row["sizes"]],
    )


async def next_runs(pool: Pool, host_ids: Sequence[UUID]) -> dict[UUID, NextRun]:
    """What runs next at those of these hosts that have an enabled schedule."""
    rows = await pool.fetch(
        """
        SELECT DISTINCT ON (host_id) host_id, kind, next_run_at FROM jobs.schedule
        WHERE host_id = ANY($1) AND enabled
        ORDER BY host_id, next_run_at
        """,
        host_ids,
    )
    return {row["host_id"]: NextRun(kind=JobKind(row["kind"]), at=row["next_run_at"]) for row in rows}


async def hosts_by_status(pool: Pool) -> dict[HostStatus, int]:
    """How many hosts there are of each status.

    All are read: heartbeats would keep an index on `last_seen_at` busy, and 10,000 rows take a few milliseconds.
    """
    rows = await pool.fetch("SELECT jobs.host_status(last_seen_at) AS status, count(*) FROM jobs.host GROUP BY 1")
    return dict.fromkeys(HostStatus, 0) | {HostStatus(row["status"]): row["count"] for row in rows}


async def unfinished_by_status(pool: Pool) -> Counter[JobStatus]:
    """How many unfinished jobs there are of each status."""
    rows = await pool.fetch(
        """
        SELECT status, count(*) FROM jobs.job
        WHERE status IN ('queued', 'dispatched', 'running') GROUP BY status
        """
    )
    return Counter({JobStatus(row["status"]): row["count"] for row in rows})


async def standings(pool: Pool, after: UUID, limit: int) -> list[Standing]:
    """Hosts by id, with how each of their groups stands."""
    rows = await pool.fetch(
        """
        SELECT host.id, host.name AS host, jobs.host_status(host.last_seen_at) AS status, host.last_seen_at,
               known.names, known.made, known.successes
        FROM jobs.host
        CROSS JOIN LATERAL (
            SELECT array_agg(name) AS names, array_agg(created_at) AS made, array_agg(last_success_at) AS successes
            FROM jobs.source_group WHERE host_id = host.id) AS known
        WHERE host.id > $1 ORDER BY host.id LIMIT $2
        """,
        after,
        limit,
    )
    return [
        Standing(
            id=row["id"],
            host=row["host"],
            status=HostStatus(row["status"]),
            last_seen_at=row["last_seen_at"],
            groups={
                name: GroupStanding(created_at=made, last_success_at=success)
                for name, made, success in zip(
                    row["names"] or [], row["made"] or [], row["successes"] or [], strict=True
                )
            },
        )
        for row in rows
    ]

"""Statements about silence: how long we have been able to hear, who has been silent, which jobs are lost by it.

Each takes `now`; null means the database's clock, a time is for tests that move it.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from services.jobs.model import HostFactRow, SilentJob
from shared.db import Connection


async def beat_of_gateway(tx: Connection, gap: timedelta, now: datetime | None = None) -> None:
    """A gateway lives. After a gap the watch begins anew: nobody could have been heard meanwhile."""
    await tx.execute(
        """
        UPDATE jobs.watch SET
            watching_since = CASE WHEN gateway_beat_at < coalesce($2, clock_timestamp()) - $1::interval
                                  THEN coalesce($2, clock_timestamp()) ELSE watching_since END,
            gateway_beat_at = greatest(gateway_beat_at, coalesce($2::timestamptz, clock_timestamp()))
        """,
        gap,
        now,
    )


async def beat_of_jobs(tx: Connection, gap: timedelta, now: datetime | None = None) -> None:
    """We live. After a gap of ours, and as long as no gateway lives, the watch begins anew."""
    await tx.execute(
        """
        UPDATE jobs.watch SET
            watching_since = CASE WHEN least(jobs_beat_at, gateway_beat_at)
                                       < coalesce($2, clock_timestamp()) - $1::interval
                                  THEN coalesce($2, clock_timestamp()) ELSE watching_since END,
            jobs_beat_at = greatest(jobs_beat_at, coalesce($2::timestamptz, clock_timestamp()))
        """,
        gap,
        now,
    )


async def fall_offline(tx: Connection, now: datetime | None, limit: int) -> list[HostFactRow]:
    """Hosts that have been silent for longer than they may, from now on announced; each is taken by one replica."""
    rows = await tx.fetch(
        """
        UPDATE jobs.host SET offline_announced_at = coalesce($1, clock_timestamp()), fact_version = fact_version + 1
        WHERE id IN (
            SELECT host.id FROM jobs.host CROSS JOIN jobs.watch
            WHERE host.offline_announced_at IS NULL
              -- NULL never raises: neither a host that may be silent, nor one that was never heard.
              AND coalesce($1::timestamptz, clock_timestamp()) - greatest(host.last_seen_at, watch.watching_since)
                  >= make_interval(secs => host.offline_after_seconds)
              AND host.last_seen_at IS NOT NULL
            ORDER BY host.id LIMIT $2
            FOR NO KEY UPDATE OF host SKIP LOCKED)
        RETURNING id, name, labels, fact_version, offline_announced_at, last_seen_at, offline_after_seconds
        """,
        now,
        limit,
    )
    return [
        HostFactRow(
            id=row["id"],
            name=row["name"],
            labels=json.loads(row["labels"]),
            version=row["fact_version"],
            at=row["offline_announced_at"],
            last_seen_at=row["last_seen_at"],
            offline_after_seconds=row["offline_after_seconds"],
        )
        for row in rows
    ]


async def unreachable_jobs(
    tx: Connection, now: datetime | None, grace_without_offline: timedelta, patience: timedelta, limit: int
) -> Sequence[SilentJob]:
    """Jobs that an agent was given which has been silent for its host's grace and our patience beyond it."""
    rows = await tx.fetch(
        """
        SELECT job.id, coalesce(host.last_seen_at, job.created_at) AS last_sign_at
        FROM jobs.job JOIN jobs.host ON host.id = job.host_id CROSS JOIN jobs.watch
        WHERE job.status IN ('dispatched', 'running')
          AND coalesce($1::timestamptz, clock_timestamp()) - greatest(host.last_seen_at, watch.watching_since)
              >= coalesce(make_interval(secs => host.offline_after_seconds), $2::interval) + $3::interval
        ORDER BY job.id LIMIT $4
        """,
        now,
        grace_without_offline,
        patience,
        limit,
    )
    return [SilentJob(row["id"], row["last_sign_at"]) for row in rows]

"""Statements that remove what has become too old; each takes the oldest, and steps past what somebody holds."""

from datetime import timedelta

from shared.db import Pool
from shared.own_host import CANARY_HOST_ID
from shared.retention import LEAST_DAYS


async def remove_alerts(pool: Pool, keep: timedelta, limit: int) -> tuple[int, int]:
    """Remove alerts that were resolved longer ago than this, with their events; how many of each."""
    row = await pool.fetchrow(
        """
        WITH going AS MATERIALIZED (
            SELECT id FROM alerts.alert
            WHERE resolved_at < now() - $1::interval
              -- Also where the broker was away for longer: what is not told, or only just, stays.
              AND NOT EXISTS (SELECT FROM alerts.alert_event
                              WHERE alert_id = alert.id
                                AND (published_at IS NULL OR published_at > now() - $2::interval))
            ORDER BY resolved_at LIMIT $3 FOR UPDATE SKIP LOCKED
        ), events AS (
            DELETE FROM alerts.alert_event USING going WHERE alert_event.alert_id = going.id RETURNING 1
        ), gone AS (
            DELETE FROM alerts.alert USING going WHERE alert.id = going.id RETURNING 1
        )
        SELECT (SELECT count(*) FROM gone) AS alerts, (SELECT count(*) FROM events) AS events
        """,
        keep,
        timedelta(days=LEAST_DAYS),
        limit,
    )
    return (row["alerts"], row["events"]) if row else (0, 0)


async def remove_canaries(pool: Pool, limit: int) -> int:
    """Remove the canary's alerts as soon as nothing can bring their events again; how many."""
    removed: int = await pool.fetchval(
        """
        WITH going AS MATERIALIZED (
            SELECT id FROM alerts.alert
            WHERE host_id = $1 AND resolved_at < now() - $2::interval
            ORDER BY first_seen_at LIMIT $3 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM alerts.alert USING going WHERE alert.id = going.id RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        CANARY_HOST_ID,
        timedelta(days=LEAST_DAYS),
        limit,
    )
    return removed


async def remove_received(pool: Pool, keep: timedelta, limit: int) -> int:
    """Forget events that were received longer ago than this; how many."""
    removed: int = await pool.fetchval(
        """
        WITH going AS MATERIALIZED (
            SELECT event_id FROM alerts.inbox
            WHERE received_at < now() - $1::interval ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM alerts.inbox USING going WHERE inbox.event_id = going.event_id RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        keep,
        limit,
    )
    return removed


async def remove_evidence(pool: Pool, keep: timedelta, limit: int) -> int:
    """Forget what the ends of jobs did that were judged longer ago than this; not of one that raised what stands."""
    removed: int = await pool.fetchval(
        """
        WITH going AS MATERIALIZED (
            SELECT job_id FROM alerts.evidence
            WHERE judged_at < now() - $1::interval
              AND NOT EXISTS (SELECT FROM alerts.alert
                              WHERE raised_job_id = evidence.job_id AND resolved_at IS NULL)
            ORDER BY judged_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM alerts.evidence USING going WHERE evidence.job_id = going.job_id RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        keep,
        limit,
    )
    return removed

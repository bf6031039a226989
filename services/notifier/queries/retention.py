"""Statements that find and remove what was told of alerts that were over long ago."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from shared.db import Connection


async def ended(tx: Connection, keep: timedelta, limit: int) -> list[UUID]:
    """Alerts whose end was fanned out, and whose last delivery was over, longer ago than this; nobody else has them."""
    rows = await tx.fetch(
        """
        SELECT fan_out.alert_id
        FROM notifier.event JOIN notifier.fan_out USING (alert_id, version)
        WHERE event.type = 'resolved' AND event.fanned_out_at < now() - $1::interval
          AND NOT EXISTS (SELECT FROM notifier.delivery
                          WHERE delivery.alert_id = event.alert_id
                            AND (state IN ('pending', 'failed')
                                 OR coalesce(delivered_at, dead_at, created_at) > now() - $1::interval))
        ORDER BY event.fanned_out_at, event.alert_id
        LIMIT $2
        FOR UPDATE OF fan_out SKIP LOCKED
        """,
        keep,
        limit,
    )
    return [row["alert_id"] for row in rows]


async def waiting_again(tx: Connection, alerts: Sequence[UUID]) -> set[UUID]:
    """Those of these alerts with a delivery that waits; none of their deliveries changes before the transaction ends.

    A statement of its own: it sees what somebody who asked for a retry has committed while it waited for them.
    """
    rows = await tx.fetch(
        "SELECT alert_id, state FROM notifier.delivery WHERE alert_id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", alerts
    )
    return {row["alert_id"] for row in rows if row["state"] in {"pending", "failed"}}


async def remove(tx: Connection, alerts: Sequence[UUID]) -> dict[str, int]:
    """Remove all that was received, decided, delivered and tried of these alerts; how many rows of each table."""
    row = await tx.fetchrow(
        """
        WITH delivery AS (
            DELETE FROM notifier.delivery WHERE alert_id = ANY($1::uuid[]) RETURNING id
        ), attempt AS (
            DELETE FROM notifier.attempt
            WHERE delivery_id IN (SELECT id FROM notifier.delivery WHERE alert_id = ANY($1::uuid[])) RETURNING 1
        ), decision AS (
            DELETE FROM notifier.decision WHERE alert_id = ANY($1::uuid[]) RETURNING 1
        ), event AS (
            DELETE FROM notifier.event WHERE alert_id = ANY($1::uuid[]) RETURNING 1
        ), fan_out AS (
            DELETE FROM notifier.fan_out WHERE alert_id = ANY($1::uuid[]) RETURNING 1
        )
        SELECT (SELECT count(*) FROM delivery) AS delivery, (SELECT count(*) FROM attempt) AS attempt,
               (SELECT count(*) FROM decision) AS decision, (SELECT count(*) FROM event) AS event,
               (SELECT count(*) FROM fan_out) AS fan_out
        """,
        alerts,
    )
    return dict(row) if row else {}

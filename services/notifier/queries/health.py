"""How channels do, and what they were told lately."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from shared.asks.channels import ChannelHealth
from shared.asks.deliveries import DeliveryOfChannel
from shared.db import Pool


async def health(pool: Pool, channels: Sequence[UUID], within: timedelta, most: int) -> list[ChannelHealth]:
    """How each channel's deliveries fared within this time; nothing is counted further than to `most`."""
    rows = await pool.fetch(
        """
        SELECT asked.id AS channel_id,
            (SELECT count(*) FROM (
                SELECT FROM notifier.delivery
                WHERE channel_id = asked.id AND state = 'delivered' AND delivered_at > now() - $2::interval
                LIMIT $3
            ) AS found) AS delivered,
            (SELECT count(*) FROM (
                SELECT FROM notifier.delivery
                WHERE channel_id = asked.id AND state = 'dead' AND dead_at > now() - $2::interval
                LIMIT $3
            ) AS found) AS dead,
            waiting.pending, waiting.failed,
            (SELECT max(delivered_at) FROM notifier.delivery WHERE channel_id = asked.id AND state = 'delivered')
                AS last_delivered_at,
            wrong.last_error, wrong.at AS last_error_at
        FROM unnest($1::uuid[]) AS asked (id)
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
                count(*) FILTER (WHERE state = 'failed') AS failed
            FROM (
                SELECT state FROM notifier.delivery
                WHERE channel_id = asked.id AND state IN ('pending', 'failed')
                LIMIT $3
            ) AS found
        ) AS waiting
        LEFT JOIN LATERAL (
            -- What fails now says more than what has been given up before.
            (SELECT 1 AS turn, last_error, (SELECT max(at) FROM notifier.attempt WHERE delivery_id = delivery.id) AS at
             FROM notifier.delivery
             WHERE channel_id = asked.id AND state IN ('pending', 'failed') AND last_error IS NOT NULL
             ORDER BY next_attempt_at DESC LIMIT 1)
            UNION ALL
            (SELECT 2 AS turn, last_error, dead_at AS at
             FROM notifier.delivery
             WHERE channel_id = asked.id AND state = 'dead' AND dead_at > now() - $2::interval
             ORDER BY dead_at DESC LIMIT 1)
            ORDER BY turn LIMIT 1
        ) AS wrong ON true
        """,
        channels,
        within,
        most,
    )
    return [ChannelHealth(**dict(row)) for row in rows]


async def told_lately(
    pool: Pool, channel_id: UUID, before: datetime | None, before_id: UUID | None, most: int
) -> list[DeliveryOfChannel]:
    """A channel's deliveries from a place in the list on, newest first."""
    rows = await pool.fetch(
        """
        WITH shown AS (
            SELECT id, channel_id, channel_name, alert_id, version, event, state, attempts,
                next_attempt_at, last_error, delivered_at, created_at, dead_at
            FROM notifier.delivery_seen
            WHERE channel_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
            ORDER BY created_at DESC, id DESC
            LIMIT $4
        )
        SELECT shown.id, shown.channel_id, shown.channel_name, shown.alert_id, shown.event, shown.state, shown.attempts,
            shown.next_attempt_at, shown.last_error, shown.delivered_at, shown.created_at, shown.dead_at,
            event.payload::jsonb #>> '{alert,title}' AS alert_title,
            (SELECT detail FROM notifier.attempt WHERE delivery_id = shown.id ORDER BY attempt.id DESC LIMIT 1)
                AS last_answer
        FROM shown JOIN notifier.event USING (alert_id, version)
        ORDER BY shown.created_at DESC, shown.id DESC
        """,
        channel_id,
        before,
        before_id,
        most,
    )
    return [_delivery(row) for row in rows]


async def given_up(
    pool: Pool, channel_id: UUID, before: datetime | None, before_id: UUID | None, most: int
) -> list[DeliveryOfChannel]:
    """A channel's deliveries that will not be tried again, from a place in the list on, the last given up first."""
    rows = await pool.fetch(
        """
        WITH shown AS (
            SELECT id, dead_at FROM notifier.delivery
            WHERE channel_id = $1 AND state = 'dead' AND dead_at IS NOT NULL
              AND ($2::timestamptz IS NULL OR (dead_at, id) < ($2, $3::uuid))
            ORDER BY dead_at DESC, id DESC
            LIMIT $4
        )
        SELECT seen.id, seen.channel_id, seen.channel_name, seen.alert_id, seen.event, seen.state, seen.attempts,
            seen.next_attempt_at, seen.last_error, seen.delivered_at, seen.created_at, shown.dead_at,
            event.payload::jsonb #>> '{alert,title}' AS alert_title,
            (SELECT detail FROM notifier.attempt WHERE delivery_id = seen.id ORDER BY attempt.id DESC LIMIT 1)
                AS last_answer
        FROM shown
        JOIN notifier.delivery_seen AS seen ON seen.id = shown.id
        JOIN notifier.event ON event.alert_id = seen.alert_id AND event.version = seen.version
        ORDER BY shown.dead_at DESC, shown.id DESC
        """,
        channel_id,
        before,
        before_id,
        most,
    )
    return [_delivery(row) for row in rows]


def _delivery(row: asyncpg.Record) -> DeliveryOfChannel:
    return DeliveryOfChannel(**dict(row))

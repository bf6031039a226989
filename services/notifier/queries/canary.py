"""Statements about the sink, and what of the canary arrived there."""

from datetime import datetime, timedelta
from uuid import UUID

from services.notifier.queries import own_trouble
from shared.asks.alerts import OwnKind
from shared.db import Connection, Pool
from shared.own_host import SINK_CHANNEL_ID
from shared.retention import LEAST_DAYS
from shared.vocabulary import AlertKind

KEEP = timedelta(days=LEAST_DAYS)
CANARY: tuple[OwnKind, str] = AlertKind.CANARY_LOST, "canary"
"""The kind and key of what is said of it."""
LOST = 4_201_734
"""Advisory lock: one replica at a time says that the canary was lost, or is found."""


async def make_sink(pool: Pool, secrets: bytes) -> bool:
    """Let the sink be there, enabled, and sealed under the key of today; false while it is too early for it."""
    made = await pool.fetchval(
        """
        INSERT INTO notifier.channel (id, name, kind, config, secrets, events, filter, enabled)
        SELECT $1, $1::uuid::text, 'sink', '{}', $2, '{raised,acked,resolved}', '{}', true
        FROM notifier.sink WHERE not_before <= now()
        ON CONFLICT (id) DO UPDATE SET secrets = excluded.secrets, enabled = true, disabled_reason = NULL
        RETURNING id
        """,
        SINK_CHANNEL_ID,
        secrets,
    )
    return made is not None


async def last_arrival(pool: Pool) -> tuple[datetime | None, datetime]:
    """When the sink was last told of anything, and now, by the same clock."""
    row = await pool.fetchrow(
        """
        SELECT (SELECT max(delivered_at) FROM notifier.delivery
                WHERE channel_id = $1 AND state = 'delivered') AS arrived_at, now() AS now
        """,
        SINK_CHANNEL_ID,
    )
    assert row  # noqa: S101  a statement without FROM always has one
    return row["arrived_at"], row["now"]


async def said_lost(tx: Connection) -> bool:
    """Whether the last that was said of the canary is that it was lost; nobody else says anything meanwhile."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", LOST)
    return await own_trouble.said_wrong(tx, *CANARY)


async def ended(tx: Connection, limit: int) -> list[UUID]:
    """Alerts of the canary that nothing can bring again any more; nobody else has them."""
    rows = await tx.fetch(
        """
        SELECT fan_out.alert_id
        FROM notifier.delivery
        JOIN notifier.fan_out USING (alert_id, version)
        WHERE delivery.channel_id = $1 AND delivery.event = 'resolved' AND delivery.state IN ('delivered', 'dead')
          AND delivery.created_at < now() - $2::interval
        ORDER BY delivery.created_at, delivery.id LIMIT $3
        FOR UPDATE OF fan_out SKIP LOCKED
        """,
        SINK_CHANNEL_ID,
        KEEP,
        limit,
    )
    return [row["alert_id"] for row in rows]

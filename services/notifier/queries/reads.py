"""What people see of deliveries and decisions."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.asks.deliveries import Attempt, Decision, Delivery, ListDeliveries
from shared.db import Pool


async def newest_first(
    pool: Pool, wanted: ListDeliveries, before: datetime | None, before_id: UUID | None
) -> list[Delivery]:
    """Deliveries from a place in the list on, one more than asked for; an empty filter lets everything through."""
    rows = await pool.fetch(
        """
        SELECT id, channel_id, channel_name, alert_id, event, state, attempts,
            next_attempt_at, last_error, delivered_at, created_at
        FROM notifier.delivery_seen
        WHERE (cardinality($1::uuid[]) = 0 OR channel_id = ANY($1))
          AND (cardinality($2::uuid[]) = 0 OR alert_id = ANY($2))
          AND (cardinality($3::text[]) = 0 OR state = ANY($3))
          AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid))
        ORDER BY created_at DESC, id DESC
        LIMIT $6
        """,
        wanted.channel_ids,
        wanted.alert_ids,
        [state.value for state in wanted.states],
        before,
        before_id,
        wanted.limit + 1,
    )
    return [Delivery(**dict(row)) for row in rows]


async def delivery(pool: Pool, identity: UUID) -> Delivery | None:
    """One delivery."""
    row = await pool.fetchrow(
        """
        SELECT id, channel_id, channel_name, alert_id, event, state, attempts,
            next_attempt_at, last_error, delivered_at, created_at
        FROM notifier.delivery_seen WHERE id = $1
        """,
        identity,
    )
    return Delivery(**dict(row)) if row else None


async def attempts_of(pool: Pool, delivery_ids: Sequence[UUID]) -> dict[UUID, list[Attempt]]:
    """The tries of these deliveries, oldest first."""
    rows = await pool.fetch(
        """
        SELECT delivery_id, at, duration_ms, status, detail FROM notifier.attempt
        WHERE delivery_id = ANY ($1::uuid[]) ORDER BY delivery_id, id
        """,
        delivery_ids,
    )
    found: dict[UUID, list[Attempt]] = defaultdict(list)
    for row in rows:
        found[row["delivery_id"]].append(
            Attempt(at=row["at"], duration_ms=row["duration_ms"], status=row["status"], detail=row["detail"])
        )
    return dict(found)


async def deliveries_of_alert(pool: Pool, alert_id: UUID) -> list[Delivery]:
    """An alert's deliveries, oldest event first."""
    rows = await pool.fetch(
        """
        SELECT id, channel_id, channel_name, alert_id, event, state, attempts,
            next_attempt_at, last_error, delivered_at, created_at
        FROM notifier.delivery_seen WHERE alert_id = $1
        ORDER BY version, id
        """,
        alert_id,
    )
    return [Delivery(**dict(row)) for row in rows]


async def decisions_of_alert(pool: Pool, alert_id: UUID) -> list[Decision]:
    """What was decided about an alert's events, oldest event first."""
    rows = await pool.fetch(
        """
        SELECT event, channel_id, channel_name, due, reason
        FROM notifier.decision WHERE alert_id = $1
        ORDER BY version, channel_name, channel_id
        """,
        alert_id,
    )
    return [Decision(**dict(row)) for row in rows]

"""The ledger of deliveries: claim, recheck, record, retry."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from services.notifier.model import Claimed, Delivered, Refused, Tried, Unreachable
from services.notifier.queries.leases import claims
from shared.db import Connection, Pool
from shared.vocabulary import ChannelKind, DeliveryState


async def claim(pool: Pool, room: Mapping[UUID, int], usual_room: int, limit: int, lease: timedelta) -> list[Claimed]:
    """Lease deliveries that are ripe: the oldest waiting one per alert and channel, and no more than fit."""
    rows = await pool.fetch(
        """
        WITH channel AS (
            -- In no order, so that busy channels don't always come first.
            SELECT channel.id, coalesce(busy.room, $3) AS room
            FROM notifier.channel
            LEFT JOIN unnest($1::uuid[], $2::int[]) AS busy (channel_id, room) ON busy.channel_id = channel.id
            WHERE channel.enabled
            ORDER BY random()
        ), ripe AS (
            SELECT due.id
            FROM channel
            CROSS JOIN LATERAL (
                SELECT delivery.id
                FROM notifier.delivery
                WHERE delivery.channel_id = channel.id
                  AND delivery.state IN ('pending', 'failed')
                  AND delivery.next_attempt_at <= now()
                  AND (delivery.lease_until IS NULL OR delivery.lease_until < now())
                  AND delivery.begun_at IS NULL
                  -- In order: an earlier event of the alert that still waits goes first. Written so that only the
                  -- index by alert fits: those by channel, and of what waits, promise few rows until a storm comes.
                  AND NOT EXISTS (
                      SELECT FROM notifier.delivery AS earlier
                      WHERE earlier.alert_id = delivery.alert_id
                        AND earlier.channel_id IS NOT DISTINCT FROM delivery.channel_id
                        AND earlier.version < delivery.version
                        AND earlier.state NOT IN ('delivered', 'dead')
                  )
                ORDER BY delivery.next_attempt_at
                LIMIT channel.room
                FOR UPDATE OF delivery SKIP LOCKED
            ) AS due
            LIMIT $4
        ), leased AS (
            -- The token makes whoever held an older lease a stranger to this delivery.
            UPDATE notifier.delivery SET token = token + 1, lease_until = now() + $5::interval
            FROM ripe WHERE delivery.id = ripe.id
            RETURNING delivery.id, delivery.token, delivery.tries, delivery.alert_id, delivery.version,
                delivery.channel_id, delivery.next_attempt_at
        )
        SELECT leased.id, leased.token, leased.tries, event.type, event.payload,
            leased.channel_id, channel.kind, channel.config, channel.secrets, channel.at_most_once,
            channel.generation
        FROM leased
        JOIN notifier.event USING (alert_id, version)
        JOIN notifier.channel ON channel.id = leased.channel_id
        ORDER BY leased.next_attempt_at
        """,
        list(room),
        [max(places, 0) for places in room.values()],
        usual_room,
        limit,
        lease,
    )
    return claims(rows)


async def still_ours(pool: Pool, claimed: Sequence[Claimed]) -> set[tuple[UUID, int]]:
    """Which of these deliveries are still to be made, by us and to the channel as it was; ids and tokens."""
    rows = await pool.fetch(
        """
        SELECT ours.id, ours.token
        FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::boolean[]) AS ours (id, token, generation, at_most_once)
        -- One by one, and judged afterwards: statistics from before a storm promise few rows in these states.
        CROSS JOIN LATERAL (
            SELECT channel_id, token, state, lease_until FROM notifier.delivery WHERE delivery.id = ours.id LIMIT 1
        ) AS delivery
        JOIN notifier.channel ON channel.id = delivery.channel_id AND channel.enabled
          AND channel.generation = ours.generation AND channel.at_most_once = ours.at_most_once
        WHERE delivery.token = ours.token
          AND delivery.state IN ('pending', 'failed') AND delivery.lease_until > now()
        """,
        [one.id for one in claimed],
        [one.token for one in claimed],
        [one.target.generation for one in claimed],
        [one.target.at_most_once for one in claimed],
    )
    return {(row["id"], row["token"]) for row in rows}


async def give_back(pool: Pool, unused: Sequence[Claimed]) -> None:
    """End the leases of deliveries that were not sent, so that they need not wait for them."""
    await pool.execute(
        """
        WITH unused AS (
            SELECT id, token FROM unnest($1::uuid[], $2::bigint[]) AS given (id, token) ORDER BY id
        ), held AS (
            SELECT unused.id
            FROM unused
            CROSS JOIN LATERAL (
                SELECT token, begun_at FROM notifier.delivery WHERE delivery.id = unused.id
                LIMIT 1 FOR UPDATE SKIP LOCKED
            ) AS delivery
            WHERE delivery.token = unused.token AND delivery.begun_at IS NULL
        )
        UPDATE notifier.delivery SET lease_until = NULL FROM held WHERE delivery.id = held.id
        """,
        [one.id for one in unused],
        [one.token for one in unused],
    )


async def begin(pool: Pool, claimed: Claimed) -> bool:
    """Note that a delivery is about to be sent, if it is still ours to send; only then may it be."""
    begun = await pool.fetchval(
        """
        UPDATE notifier.delivery SET begun_at = now()
        WHERE id = $1 AND token = $2 AND state IN ('pending', 'failed') AND lease_until > now()
        RETURNING id
        """,
        claimed.id,
        claimed.token,
    )
    return begun is not None


async def give_up_begun(pool: Pool, reason: str) -> list[UUID]:
    """End what was begun by somebody who did not come back with the answer within the lease; which they were.

    The token stays: who wakes up after all may still say that it did arrive.
    """
    rows = await pool.fetch(
        """
        WITH lost AS (
            SELECT id FROM notifier.delivery
            WHERE begun_at IS NOT NULL AND state IN ('pending', 'failed') AND lease_until < now()
            ORDER BY id FOR UPDATE SKIP LOCKED
        )
        UPDATE notifier.delivery
        SET state = 'dead', next_attempt_at = NULL, begun_at = NULL, last_error = $1, dead_at = now()
        FROM lost WHERE delivery.id = lost.id
        RETURNING delivery.id
        """,
        reason,
    )
    return [row["id"] for row in rows]


async def record(tx: Connection, tried: Sequence[Tried]) -> set[UUID]:
    """Note every try, and where deliveries stand now if the lease was still ours; which they were."""
    rows = await tx.fetch(
        """
        WITH result AS (
            SELECT id, token, state, after, error, at, duration_ms, status, detail
            FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::interval[], $5::text[],
                $6::timestamptz[], $7::int[], $8::int[], $9::text[])
                AS given (id, token, state, after, error, at, duration_ms, status, detail)
            ORDER BY id
        ), held AS (
            -- What has been removed meanwhile, as it was over, is missing here.
            SELECT result.*, delivery.token = result.token AND (
                -- What has been given up meanwhile stays dead, unless it did arrive.
                -- One whose lease is over by a record has been recorded: the answer to that commit was lost.
                (delivery.state IN ('pending', 'failed') AND delivery.lease_until IS NOT NULL)
                OR (delivery.state = 'dead' AND result.state = 'delivered')
            ) AS ours
            FROM result
            CROSS JOIN LATERAL (
                SELECT token, state, lease_until FROM notifier.delivery
                WHERE delivery.id = result.id LIMIT 1 FOR UPDATE
            ) AS delivery
        ), noted AS (
            INSERT INTO notifier.attempt (delivery_id, at, duration_ms, status, detail)
            SELECT id, at, duration_ms, status, detail FROM held ORDER BY at
        )
        UPDATE notifier.delivery
        SET state = result.state,
            tries = delivery.tries + 1,
            next_attempt_at = now() + result.after,
            lease_until = NULL,
            begun_at = NULL,
            last_error = result.error,
            delivered_at = CASE WHEN result.state = 'delivered' THEN result.at END,
            dead_at = CASE WHEN result.state = 'dead' THEN result.at END
        FROM held AS result
        WHERE delivery.id = result.id AND result.ours
        RETURNING delivery.id
        """,
        [one.claimed.id for one in tried],
        [one.claimed.token for one in tried],
        [one.next.state.value for one in tried],
        [one.next.after for one in tried],
        [one.next.error for one in tried],
        [one.at for one in tried],
        [one.duration_ms for one in tried],
        [None if isinstance(one.outcome, Unreachable) else one.outcome.status for one in tried],
        [one.outcome.detail if isinstance(one.outcome, Delivered | Refused) else one.outcome.reason for one in tried],
    )
    return {row["id"] for row in rows}


async def retry(pool: Pool, identity: UUID) -> bool:
    """Let a failed or dead delivery start over now, if its channel is there and enabled; whether it does."""
    retried = await pool.fetchval(
        """
        WITH reachable AS (
            -- Shared, so that disabling the channel comes before or after this, not in between.
            SELECT channel.id FROM notifier.channel
            WHERE channel.id = (SELECT channel_id FROM notifier.delivery WHERE delivery.id = $1) AND channel.enabled
            FOR SHARE
        )
        UPDATE notifier.delivery SET state = 'pending', tries = 0, next_attempt_at = now(), dead_at = NULL,
            -- What is being sent right now is not sent by somebody else as well.
            begun_at = CASE WHEN delivery.state = 'failed' THEN delivery.begun_at END
        FROM reachable
        WHERE delivery.id = $1 AND delivery.channel_id = reachable.id AND delivery.state IN ('failed', 'dead')
        RETURNING delivery.id
        """,
        identity,
    )
    return retried is not None


async def count_waiting(pool: Pool) -> dict[tuple[ChannelKind, DeliveryState], int]:
    """How many deliveries are to be made or will be retried, by kind of channel and state."""
    rows = await pool.fetch(
        """
        SELECT channel.kind, delivery.state, count(*) AS deliveries
        FROM notifier.delivery JOIN notifier.channel_shown AS channel ON channel.id = delivery.channel_id
        WHERE delivery.state IN ('pending', 'failed') GROUP BY 1, 2
        """
    )
    return {(ChannelKind(row["kind"]), DeliveryState(row["state"])): row["deliveries"] for row in rows}

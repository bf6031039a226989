"""Channels, and what becomes of their waiting deliveries."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.notifier.model import SealedChannel
from shared.asks.channels import ChannelCreate, ChannelFilter
from shared.db import Connection, Pool
from shared.vocabulary import AlertChange, ChannelKind


def _channel(row: asyncpg.Record) -> SealedChannel:
    return SealedChannel(
        id=row["id"],
        name=row["name"],
        kind=ChannelKind(row["kind"]),
        config=json.loads(row["config"]),
        secrets=row["secrets"],
        events=[AlertChange(event) for event in row["events"]],
        filter=ChannelFilter(**json.loads(row["filter"])),
        at_most_once=row["at_most_once"],
        enabled=row["enabled"],
        disabled_reason=row["disabled_reason"],
        created_at=row["created_at"],
    )


async def insert(
    pool: Pool, identity: UUID, body: ChannelCreate, config: dict[str, Any], secrets: bytes
) -> SealedChannel | None:
    """Make a channel; None when its name is taken."""
    row = await pool.fetchrow(
        """
        INSERT INTO notifier.channel (id, name, kind, config, secrets, events, filter, enabled, at_most_once)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (lower(name)) DO NOTHING
        RETURNING id, name, kind, config, secrets, events, filter, at_most_once, enabled, disabled_reason, created_at
        """,
        identity,
        body.name,
        body.kind.value,
        json.dumps(config),
        secrets,
        [event.value for event in body.events],
        body.filter.model_dump_json(exclude_none=True),
        body.enabled,
        body.at_most_once,
    )
    return _channel(row) if row else None


async def named(pool: Pool, name: str) -> UUID | None:
    """Whose name this is."""
    identity: UUID | None = await pool.fetchval("SELECT id FROM notifier.channel WHERE lower(name) = lower($1)", name)
    return identity


async def get(pool: Pool, identity: UUID) -> SealedChannel | None:
    """One channel."""
    row = await pool.fetchrow(
        """
        SELECT id, name, kind, config, secrets, events, filter, at_most_once, enabled, disabled_reason, created_at
        FROM notifier.channel_shown WHERE id = $1
        """,
        identity,
    )
    return _channel(row) if row else None


async def get_locked(tx: Connection, identity: UUID) -> SealedChannel | None:
    """One channel, that nobody else changes or fans out to before the transaction ends."""
    row = await tx.fetchrow(
        """
        SELECT id, name, kind, config, secrets, events, filter, at_most_once, enabled, disabled_reason, created_at
        FROM notifier.channel_shown WHERE id = $1 FOR UPDATE
        """,
        identity,
    )
    return _channel(row) if row else None


async def newest_first(pool: Pool, before: datetime | None, before_id: UUID | None, limit: int) -> list[SealedChannel]:
    """Channels from a place in the list on."""
    rows = await pool.fetch(
        """
        SELECT id, name, kind, config, secrets, events, filter, at_most_once, enabled, disabled_reason, created_at
        FROM notifier.channel_shown
        WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)
        ORDER BY created_at DESC, id DESC
        LIMIT $3
        """,
        before,
        before_id,
        limit,
    )
    return [_channel(row) for row in rows]


async def update(tx: Connection, channel: SealedChannel) -> None:
    """Save a channel as it is now."""
    await tx.execute(
        """
        UPDATE notifier.channel
        SET name = $2, config = $3, secrets = $4, events = $5, filter = $6, enabled = $7, disabled_reason = $8,
            at_most_once = $9,
            -- Who changes where it leads, or enables it, begins anew: what failed before says nothing of now.
            failing_since = CASE WHEN config = $3 AND secrets = $4 AND enabled = $7 THEN failing_since END,
            generation = generation + CASE WHEN config = $3 AND secrets = $4 AND enabled = $7 THEN 0 ELSE 1 END
        WHERE id = $1
        """,
        channel.id,
        channel.name,
        json.dumps(channel.config),
        channel.secrets,
        [event.value for event in channel.events],
        channel.filter.model_dump_json(exclude_none=True),
        channel.enabled,
        channel.disabled_reason,
        channel.at_most_once,
    )


async def disable_unchanged(tx: Connection, identity: UUID, generation: int, reason: str) -> str | None:
    """Disable an enabled channel, unless it was led elsewhere or enabled meanwhile; its name if it was."""
    return await tx.fetchval(
        """
        UPDATE notifier.channel SET enabled = false, disabled_reason = $3
        WHERE id = $1 AND enabled AND generation = $2
        RETURNING name
        """,
        identity,
        generation,
        reason,
    )


async def note_health(tx: Connection, failing_since: Mapping[UUID, datetime | None]) -> None:
    """Note since when channels have been failing, as far as that was not known, and which are reached (null)."""
    await tx.execute(
        """
        WITH found AS (
            SELECT id, since FROM unnest($1::uuid[], $2::timestamptz[]) AS given (id, since)
        ), changed AS (
            -- Nearly always none: a channel that is reached was reached before.
            SELECT channel.id, found.since
            FROM notifier.channel JOIN found USING (id)
            WHERE (channel.failing_since IS NULL) <> (found.since IS NULL)
            ORDER BY channel.id FOR UPDATE OF channel
        )
        UPDATE notifier.channel SET failing_since = changed.since
        FROM changed WHERE channel.id = changed.id
        """,
        list(failing_since),
        list(failing_since.values()),
    )


async def disable_failing(
    tx: Connection, identity: UUID, generation: int, before: datetime, last_error: str
) -> tuple[str, str] | None:
    """Disable an enabled channel with nothing but failures since before then; its name and the reason if it was.

    Not if it was led elsewhere or enabled meanwhile, or something has arrived.
    """
    row = await tx.fetchrow(
        """
        UPDATE notifier.channel
        SET enabled = false,
            disabled_reason = 'nothing but failures since '
                || to_char(failing_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC, the last: ' || $4::text
        WHERE id = $1 AND enabled AND generation = $2 AND failing_since <= $3
          -- Copies of the release before note what arrives here alone.
          AND NOT EXISTS (
              SELECT FROM notifier.delivery
              WHERE delivery.channel_id = channel.id AND delivery.state = 'delivered'
                AND delivery.delivered_at > channel.failing_since
          )
        RETURNING name, disabled_reason
        """,
        identity,
        generation,
        before,
        last_error,
    )
    return (row["name"], row["disabled_reason"]) if row else None


async def delete(tx: Connection, identity: UUID) -> None:
    """Remove a channel. Its decisions and deliveries stay."""
    await tx.execute("DELETE FROM notifier.channel WHERE id = $1", identity)


async def give_up_waiting(tx: Connection, channel_id: UUID, reason: str) -> int:
    """End the channel's waiting deliveries with this reason; how many."""
    rows = await tx.fetch(
        """
        WITH waiting AS (
            SELECT id FROM notifier.delivery
            WHERE channel_id = $1 AND state IN ('pending', 'failed')
            ORDER BY id FOR UPDATE
        )
        UPDATE notifier.delivery SET state = 'dead', next_attempt_at = NULL, last_error = $2, dead_at = now()
        FROM waiting WHERE delivery.id = waiting.id
        RETURNING delivery.id
        """,
        channel_id,
        reason,
    )
    return len(rows)

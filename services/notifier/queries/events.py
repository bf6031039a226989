"""The inbox and the fan-out."""

import json
from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from services.notifier.model import Arrived, Cause, Claimed, Decided, Due, EventKey, Listener, When, Withheld
from services.notifier.queries.leases import claims
from shared.asks.channels import ChannelFilter
from shared.db import Connection, Pool
from shared.vocabulary import AlertChange


async def lock_fan_out(tx: Connection, alerts: Sequence[UUID]) -> dict[UUID, int]:
    """Be the only one who fans out these alerts, and learn how far each has come."""
    rows = await tx.fetch(
        """
        INSERT INTO notifier.fan_out (alert_id)
        SELECT DISTINCT alert_id FROM unnest($1::uuid[]) AS given (alert_id) ORDER BY alert_id
        -- The empty update takes the row's lock and shows its newest version.
        ON CONFLICT (alert_id) DO UPDATE SET version = fan_out.version
        RETURNING alert_id, version
        """,
        alerts,
    )
    return {row["alert_id"]: row["version"] for row in rows}


async def insert_events(tx: Connection, events: Sequence[Arrived], ready: Collection[EventKey]) -> None:
    """Put events into the inbox, these as fanned out; what is there already stays as it is."""
    await tx.execute(
        """
        INSERT INTO notifier.event (alert_id, version, event_id, type, payload, fanned_out_at)
        SELECT alert_id, version, event_id, type, payload, CASE WHEN ready THEN now() END
        FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::boolean[])
            AS given (alert_id, version, event_id, type, payload, ready)
        ORDER BY alert_id, version
        ON CONFLICT (alert_id, version) DO NOTHING
        """,
        [arrived.event.alert_id for arrived in events],
        [arrived.event.version for arrived in events],
        [arrived.event.event_id for arrived in events],
        [arrived.change.value for arrived in events],
        [arrived.payload for arrived in events],
        [arrived.key in ready for arrived in events],
    )


async def waiting_events(tx: Connection, alerts: Collection[UUID]) -> set[EventKey]:
    """What is in the inbox for these alerts and not fanned out."""
    rows = await tx.fetch(
        """
        SELECT event.alert_id, event.version
        FROM notifier.event
        JOIN notifier.fan_out ON fan_out.alert_id = event.alert_id AND event.version > fan_out.version
        WHERE event.alert_id = ANY($1::uuid[])
        """,
        list(alerts),
    )
    return {(row["alert_id"], row["version"]) for row in rows}


async def payloads(tx: Connection, keys: Sequence[EventKey]) -> list[tuple[str, str]]:
    """The types and texts of events in the inbox."""
    rows = await tx.fetch(
        """
        SELECT event.type, event.payload
        FROM unnest($1::uuid[], $2::int[]) AS given (alert_id, version)
        JOIN notifier.event USING (alert_id, version)
        """,
        [alert for alert, _ in keys],
        [version for _, version in keys],
    )
    return [(row["type"], row["payload"]) for row in rows]


async def listeners(tx: Connection) -> list[Listener]:
    """Every channel as it is now; none of them changes before the transaction ends."""
    rows = await tx.fetch("SELECT id, name, enabled, events, filter FROM notifier.channel ORDER BY id FOR SHARE")
    return [
        Listener(
            row["id"],
            row["name"],
            row["enabled"],
            [AlertChange(event) for event in row["events"]],
            ChannelFilter(**json.loads(row["filter"])),
        )
        for row in rows
    ]


async def withheld_raises(tx: Connection, alerts: Sequence[UUID]) -> dict[tuple[UUID, UUID], Withheld]:
    """By alert and channel: why the channel was not told of the raise."""
    rows = await tx.fetch(
        """
        SELECT alert_id, channel_id, withheld_by, reason
        FROM notifier.decision
        WHERE alert_id = ANY($1::uuid[]) AND event = 'raised' AND NOT due
        """,
        alerts,
    )
    return {(row["alert_id"], row["channel_id"]): Withheld(Cause(row["withheld_by"]), row["reason"]) for row in rows}


async def fan_out(
    tx: Connection,
    keys: Sequence[EventKey],
    waited: Collection[EventKey],
    decided: Sequence[Decided],
    when: When,
) -> list[Claimed]:
    """Write the decisions, a delivery for each that is due, and that these events are done; some had `waited`.

    The first deliveries of an alert are leased as they are made where their channel is sent to at once; which they are.
    """
    rows = await tx.fetch(
        """
        WITH decided AS (
            SELECT alert_id, version, event, channel_id, channel_name, withheld_by, reason
            FROM unnest($1::uuid[], $2::int[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[])
                AS given (alert_id, version, event, channel_id, channel_name, withheld_by, reason)
        ), noted AS (
            INSERT INTO notifier.decision (alert_id, version, event, channel_id, channel_name, withheld_by, reason)
            SELECT alert_id, version, event, channel_id, channel_name, withheld_by, reason FROM decided
        ), queued AS (
            INSERT INTO notifier.delivery
                (alert_id, version, event, channel_id, channel_name, next_attempt_at, token, lease_until)
            SELECT alert_id, version, event, channel_id, channel_name, now() + $8::interval,
                CASE WHEN at_once THEN 1 ELSE 0 END, CASE WHEN at_once THEN now() + $14::interval END
            FROM (
                -- Before a later one of its alert may go others that still wait.
                SELECT decided.*, version = 1 AND channel_id = ANY($13::uuid[]) AS at_once
                FROM decided WHERE withheld_by IS NULL
            ) AS due
            RETURNING id, token, tries, event, alert_id, version, channel_id, lease_until
        ), done AS (
            SELECT alert_id, version FROM unnest($9::uuid[], $10::int[]) AS given (alert_id, version)
        ), marked AS (
            UPDATE notifier.event SET fanned_out_at = now()
            FROM unnest($11::uuid[], $12::int[]) AS waited (alert_id, version)
            WHERE event.alert_id = waited.alert_id AND event.version = waited.version
        ), told AS (
            UPDATE notifier.fan_out SET version = newest.version
            FROM (SELECT alert_id, max(version) AS version FROM done GROUP BY alert_id) AS newest
            WHERE fan_out.alert_id = newest.alert_id
        )
        SELECT queued.id, queued.token, queued.tries, queued.event AS type, event.payload,
            queued.channel_id, channel.kind, channel.config, channel.secrets, channel.at_most_once, channel.generation
        FROM queued
        JOIN notifier.event USING (alert_id, version)
        JOIN notifier.channel ON channel.id = queued.channel_id
        WHERE queued.lease_until IS NOT NULL
        """,
        [one.arrived.event.alert_id for one in decided],
        [one.arrived.event.version for one in decided],
        [one.arrived.change.value for one in decided],
        [one.listener.id for one in decided],
        [one.listener.name for one in decided],
        [None if isinstance(one.outcome, Due) else one.outcome.cause.value for one in decided],
        [one.outcome.reason for one in decided],
        when.first_after,
        [alert for alert, _ in keys],
        [version for _, version in keys],
        [alert for alert, _ in waited],
        [version for _, version in waited],
        when.at_once,
        when.lease,
    )
    return claims(rows)


async def gaps(pool: Pool, older_than: timedelta, limit: int) -> dict[UUID, int]:
    """Alerts with an event that has waited too long for the one before it, and how far each has come."""
    rows = await pool.fetch(
        """
        SELECT event.alert_id, fan_out.version
        FROM notifier.event
        JOIN notifier.fan_out USING (alert_id)
        WHERE event.fanned_out_at IS NULL AND event.received_at < now() - $1::interval
        GROUP BY event.alert_id, fan_out.version
        -- Not by age: a gap that nobody can fill must not keep the others waiting.
        ORDER BY random()
        LIMIT $2
        """,
        older_than,
        limit,
    )
    return {row["alert_id"]: row["version"] for row in rows}

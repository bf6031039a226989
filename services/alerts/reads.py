"""The statements that only read: lists, details, counts."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.asks.alerts import Alert, TimelineEntry
from shared.db import Connection
from shared.vocabulary import Evidence


async def newest_first(  # noqa: PLR0913  one parameter per filter of the statement
    connection: Connection,
    *,
    ids: Sequence[UUID],
    states: Sequence[str],
    host_ids: Sequence[UUID],
    kinds: Sequence[str],
    severities: Sequence[str],
    source_group_ids: Sequence[UUID],
    dedup_key: str | None,
    words: str | None,
    before: tuple[datetime | None, UUID | None],
    limit: int,
) -> list[Alert]:
    """Alerts by `first_seen_at`, newest first, that pass every filter; an empty filter passes all."""
    rows = await connection.fetch(
        """
        SELECT id, version, host_id, host_name, host_labels, kind, dedup_key, source_group_id, source_group_name,
               severity, title, message, hint, error_class,
               CASE WHEN resolved_at IS NOT NULL THEN 'resolved' WHEN acked_at IS NOT NULL THEN 'acked'
                    ELSE 'open' END AS state,
               occurrences, first_seen_at, last_seen_at, last_success_at, acked_at, acked_by, resolved_at,
               resolved_by, note, resolution, raised_job_id, resolved_job_id
        FROM alerts.alert
        WHERE (cardinality($1::text[]) = 0
               OR ('unresolved' = ANY ($1) AND resolved_at IS NULL)
               OR ('open' = ANY ($1) AND resolved_at IS NULL AND acked_at IS NULL)
               OR ('acked' = ANY ($1) AND resolved_at IS NULL AND acked_at IS NOT NULL)
               OR ('resolved' = ANY ($1) AND resolved_at IS NOT NULL))
          AND (cardinality($2::uuid[]) = 0 OR host_id = ANY ($2))
          AND (cardinality($3::text[]) = 0 OR kind = ANY ($3))
          AND (cardinality($4::text[]) = 0 OR severity = ANY ($4))
          AND (cardinality($5::uuid[]) = 0 OR source_group_id = ANY ($5))
          AND ($6::text IS NULL OR alerts.words(host_name, source_group_name) @@ $6::tsquery)
          AND ($7::timestamptz IS NULL OR (first_seen_at, id) < ($7, $8::uuid))
          AND ($10::text IS NULL OR dedup_key = $10)
          AND (cardinality($11::uuid[]) = 0 OR id = ANY ($11))
        ORDER BY first_seen_at DESC, id DESC
        LIMIT $9
        """,
        states,
        host_ids,
        kinds,
        severities,
        source_group_ids,
        words,
        *before,
        limit,
        dedup_key,
        ids,
    )
    return [_alert(row) for row in rows]


async def one(connection: Connection, alert: UUID) -> Alert | None:
    """An alert as it stands."""
    row = await connection.fetchrow(
        """
        SELECT id, version, host_id, host_name, host_labels, kind, dedup_key, source_group_id, source_group_name,
               severity, title, message, hint, error_class,
               CASE WHEN resolved_at IS NOT NULL THEN 'resolved' WHEN acked_at IS NOT NULL THEN 'acked'
                    ELSE 'open' END AS state,
               occurrences, first_seen_at, last_seen_at, last_success_at, acked_at, acked_by, resolved_at,
               resolved_by, note, resolution, raised_job_id, resolved_job_id
        FROM alerts.alert WHERE id = $1
        """,
        alert,
    )
    return _alert(row) if row else None


async def timeline(connection: Connection, alert: UUID) -> list[TimelineEntry]:
    """What happened to an alert, oldest first."""
    rows = await connection.fetch(
        "SELECT type, at, actor, note FROM alerts.alert_event WHERE alert_id = $1 ORDER BY version", alert
    )
    return [TimelineEntry(**row) for row in rows]


async def events_after(connection: Connection, alert: UUID, version: int, limit: int) -> list[str]:
    """The payloads of an alert's events after a version, in order."""
    rows = await connection.fetch(
        "SELECT payload FROM alerts.alert_event WHERE alert_id = $1 AND version > $2 ORDER BY version LIMIT $3",
        alert,
        version,
        limit,
    )
    return [row["payload"] for row in rows]


async def unresolved_by_host(connection: Connection, hosts: Sequence[UUID]) -> dict[UUID, int]:
    """How many alerts are unresolved per host."""
    rows = await connection.fetch(
        """
        SELECT host_id, count(*) AS unresolved FROM alerts.alert
        WHERE host_id = ANY ($1::uuid[]) AND resolved_at IS NULL GROUP BY host_id
        """,
        hosts,
    )
    return {row["host_id"]: row["unresolved"] for row in rows}


async def evidence_of(connection: Connection, jobs: Sequence[UUID]) -> dict[UUID, Evidence]:
    """What the ends of these jobs did, as far as they have been judged."""
    rows = await connection.fetch("SELECT job_id, outcome FROM alerts.evidence WHERE job_id = ANY ($1::uuid[])", jobs)
    return {row["job_id"]: Evidence(row["outcome"]) for row in rows}


def _alert(row: asyncpg.Record) -> Alert:
    return Alert.model_validate({**row, "host_labels": json.loads(row["host_labels"])})

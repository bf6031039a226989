"""The statements that only read: lists, details, counts."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.asks.alerts import Alert, AlertCounts, AlertOfJob, TimelineEntry, Trouble
from shared.db import Connection, Pool
from shared.vocabulary import AlertKind, AlertState, Evidence, Severity


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
        FROM alerts.alert_shown AS alert
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


async def worst_first(connection: Connection, limit: int) -> list[Alert]:
    """Unresolved alerts: open before acknowledged, worst severity first, newest first among equals."""
    rows = await connection.fetch(
        """
        SELECT id, version, host_id, host_name, host_labels, kind, dedup_key, source_group_id, source_group_name,
               severity, title, message, hint, error_class,
               CASE WHEN acked_at IS NOT NULL THEN 'acked' ELSE 'open' END AS state,
               occurrences, first_seen_at, last_seen_at, last_success_at, acked_at, acked_by, resolved_at,
               resolved_by, note, resolution, raised_job_id, resolved_job_id
        FROM alerts.alert_shown AS alert WHERE resolved_at IS NULL
        ORDER BY alerts.place_in_line(severity, acked_at), first_seen_at DESC, id DESC LIMIT $1
        """,
        limit,
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
        FROM alerts.alert_shown AS alert WHERE id = $1
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
        SELECT host_id, count(*) AS unresolved FROM alerts.alert_shown AS alert
        WHERE host_id = ANY ($1::uuid[]) AND resolved_at IS NULL GROUP BY host_id
        """,
        hosts,
    )
    return {row["host_id"]: row["unresolved"] for row in rows}


async def count_in_line(connection: Connection, most: int) -> AlertCounts:
    """How many alerts are open of each severity, and how many acknowledged; nothing is counted beyond `most`."""
    rows = await connection.fetch(
        """
        SELECT part.severity, part.acked_at IS NOT NULL AS acked,
               (SELECT count(*) FROM (
                    SELECT FROM alerts.alert_shown AS alert
                    WHERE resolved_at IS NULL
                      AND alerts.place_in_line(alert.severity, alert.acked_at)
                          = alerts.place_in_line(part.severity, part.acked_at)
                    LIMIT $1) AS counted)
        FROM (VALUES ('critical', NULL::timestamptz), ('warning', NULL), ('info', NULL),
                     ('critical', 'epoch'), ('warning', 'epoch'), ('info', 'epoch')) AS part (severity, acked_at)
        """,
        most,
    )
    opened = {Severity(row["severity"]): row["count"] for row in rows if not row["acked"]}
    return AlertCounts(open=opened, acked=min(sum(row["count"] for row in rows if row["acked"]), most))


async def trouble_of(connection: Connection, hosts: Sequence[UUID]) -> list[Trouble]:
    """The unresolved alerts of these hosts, summed up by source group."""
    rows = await connection.fetch(
        """
        SELECT host_id, source_group_id, count(*) AS alerts, bool_and(acked_at IS NOT NULL) AS acked,
               (array_agg(severity ORDER BY alerts.place_in_line(severity, NULL)))[1] AS worst,
               (array_agg(id ORDER BY alerts.place_in_line(severity, NULL), first_seen_at DESC, id))[1] AS worst_id
        FROM alerts.alert_shown AS alert
        WHERE host_id = ANY ($1::uuid[]) AND resolved_at IS NULL
        GROUP BY host_id, source_group_id
        """,
        hosts,
    )
    return [Trouble(**row) for row in rows]


async def alerts_of_job(  # noqa: PLR0913, PLR0917  one parameter per condition of the statement
    connection: Connection, job: UUID, host: UUID, counts_on: AlertKind | None, key: str, made_at: datetime
) -> list[AlertOfJob]:
    """The alerts that this job raised or resolved, or on which it counts: one of its key that is older than the job."""
    rows = await connection.fetch(
        """
        WITH touched AS (
            SELECT id, 'raised' AS effect FROM alerts.alert WHERE raised_job_id = $1
            UNION ALL
            SELECT id, 'resolved' FROM alerts.alert WHERE resolved_job_id = $1
            UNION ALL
            SELECT id, 'counted' FROM alerts.alert_shown AS alert
            WHERE host_id = $2 AND kind = $3 AND dedup_key = $4 AND resolved_at IS NULL
              AND first_seen_at <= $5 AND raised_job_id IS DISTINCT FROM $1
        )
        SELECT alert.id, alert.title, alert.severity, touched.effect,
               CASE WHEN resolved_at IS NOT NULL THEN 'resolved' WHEN acked_at IS NOT NULL THEN 'acked'
                    ELSE 'open' END AS state
        FROM touched JOIN alerts.alert_shown AS alert ON alert.id = touched.id
        ORDER BY alert.first_seen_at DESC, touched.effect
        """,
        job,
        host,
        counts_on,
        key,
        made_at,
    )
    return [AlertOfJob.model_validate(dict(row)) for row in rows]


async def jobs_of_unresolved(connection: Connection, jobs: Sequence[UUID]) -> list[UUID]:
    """Those of these jobs that raised an alert which still stands."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT raised_job_id AS job_id FROM alerts.alert_shown AS alert
        WHERE raised_job_id = ANY ($1::uuid[]) AND resolved_at IS NULL
        """,
        jobs,
    )
    return [row["job_id"] for row in rows]


async def evidence_of(connection: Connection, jobs: Sequence[UUID]) -> dict[UUID, Evidence]:
    """What the ends of these jobs did, as far as they have been judged."""
    rows = await connection.fetch("SELECT job_id, outcome FROM alerts.evidence WHERE job_id = ANY ($1::uuid[])", jobs)
    return {row["job_id"]: Evidence(row["outcome"]) for row in rows}


def _alert(row: asyncpg.Record) -> Alert:
    return Alert.model_validate({**row, "host_labels": json.loads(row["host_labels"])})


async def count_by_kind(pool: Pool) -> dict[tuple[AlertKind, AlertState], int]:
    """How many alerts are unresolved, by kind and state."""
    rows = await pool.fetch(
        """
        SELECT kind, CASE WHEN acked_at IS NULL THEN 'open' ELSE 'acked' END AS state, count(*) AS alerts
        FROM alerts.alert_shown AS alert WHERE resolved_at IS NULL GROUP BY 1, 2
        """
    )
    return {(AlertKind(row["kind"]), AlertState(row["state"])): row["alerts"] for row in rows}

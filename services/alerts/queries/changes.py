"""The statements that change alerts. Each takes whole batches, and tells what it changed in the same breath."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from services.alerts.model import Clear, Key, Marks, Raise
from shared.asks.alerts import BulkResult
from shared.db import Connection
from shared.vocabulary import Evidence, Resolution

DELETIONS = 4_201_733
"""Advisory lock: evidence shares it, a deletion holds it alone, so no alert is raised behind a deletion's back."""


async def receive(tx: Connection, event_ids: Sequence[UUID]) -> set[UUID]:
    """Note events in the inbox; those that were not there yet, to be handled now."""
    rows = await tx.fetch(
        """
        INSERT INTO alerts.inbox (event_id)
        SELECT DISTINCT event_id FROM unnest($1::uuid[]) AS e (event_id)
        ORDER BY event_id -- replicas that share events wait for each other in one order
        ON CONFLICT DO NOTHING
        RETURNING event_id
        """,
        event_ids,
    )
    return {row["event_id"] for row in rows}


async def share_with_deletions(tx: Connection) -> None:
    """Wait for deletions under way, and hold off new ones until this transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared($1)", DELETIONS)


async def exclude_evidence(tx: Connection) -> None:
    """Wait for evidence under way, and hold off more until this transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", DELETIONS)


async def tombstones(tx: Connection, subjects: Sequence[UUID]) -> set[UUID]:
    """Which of these hosts and groups are gone for good."""
    rows = await tx.fetch("SELECT subject_id FROM alerts.tombstone WHERE subject_id = ANY ($1::uuid[])", subjects)
    return {row["subject_id"] for row in rows}


async def move_marks(tx: Connection, newest: Mapping[Key, Marks]) -> dict[Key, Marks]:
    """Lock these keys in order, move their marks forward, and tell where they stood before.

    A statement of its own: later statements of the transaction get a snapshot from after the wait for these locks.
    """
    keys = list(newest)
    rows = await tx.fetch(
        """
        INSERT INTO alerts.mark AS m (host_id, kind, dedup_key, raised_at, cleared_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
            AS n (host_id, kind, dedup_key, raised_at, cleared_at)
        ORDER BY host_id, kind, dedup_key
        ON CONFLICT (host_id, kind, dedup_key) DO UPDATE
        SET raised_at = greatest(m.raised_at, excluded.raised_at),
            cleared_at = greatest(m.cleared_at, excluded.cleared_at)
        RETURNING new.host_id, new.kind, new.dedup_key,
            coalesce(old.raised_at, '0001-01-02 00:00:00+00') AS raised_at,
            coalesce(old.cleared_at, '0001-01-02 00:00:00+00') AS cleared_at
        """,
        [key.host_id for key in keys],
        [key.kind for key in keys],
        [key.dedup_key for key in keys],
        [newest[key].raised_at for key in keys],
        [newest[key].cleared_at for key in keys],
    )
    return {
        Key(row["host_id"], row["kind"], row["dedup_key"]): Marks(row["raised_at"], row["cleared_at"]) for row in rows
    }


async def raise_or_touch(tx: Connection, raises: Sequence[Raise]) -> int:
    """Make one open alert per key, or count up on the one there is; how many were raised.

    At most one `Raise` per key. A touch never changes the severity or an acknowledgement, and announces nothing.
    """
    failures = [change.newest for change in raises]
    return await tx.fetchval(
        """
        WITH seen AS (
            SELECT * FROM unnest(
                $1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::uuid[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[],
                $15::timestamptz[], $16::uuid[], $17::integer[])
            AS s (host_id, kind, dedup_key, host_name, host_labels, source_group_id, source_group_name, severity,
                  title, message, hint, error_class, first_seen_at, last_seen_at, last_success_at, job_id, occurrences)
        ), changed AS (
            INSERT INTO alerts.alert AS a (
                host_id, kind, dedup_key, host_name, host_labels, source_group_id, source_group_name, severity,
                title, message, hint, error_class, first_seen_at, last_seen_at, last_success_at, raised_job_id,
                occurrences)
            SELECT * FROM seen ORDER BY host_id, kind, dedup_key
            -- The index decides whether this is a new problem; nothing looks first.
            ON CONFLICT (host_id, kind, dedup_key) WHERE resolved_at IS NULL DO UPDATE
            SET occurrences = a.occurrences + excluded.occurrences,
                last_seen_at = greatest(a.last_seen_at, excluded.last_seen_at),
                title = CASE WHEN excluded.last_seen_at > a.last_seen_at THEN excluded.title ELSE a.title END,
                message = CASE WHEN excluded.last_seen_at > a.last_seen_at THEN excluded.message ELSE a.message END,
                hint = CASE WHEN excluded.last_seen_at > a.last_seen_at THEN excluded.hint ELSE a.hint END,
                error_class = CASE WHEN excluded.last_seen_at > a.last_seen_at
                                   THEN excluded.error_class ELSE a.error_class END,
                last_success_at = CASE WHEN excluded.last_seen_at > a.last_seen_at
                                       THEN excluded.last_success_at ELSE a.last_success_at END
            RETURNING new AS alert, old.id IS NULL AS raised
        ), raised AS (
            SELECT alert, (alert).id, (alert).version, uuidv7() AS event_id FROM changed WHERE raised
        ), told AS (
            -- The timeline entry is the announcement: one cannot happen without the other.
            INSERT INTO alerts.alert_event (event_id, alert_id, version, type, payload)
            SELECT event_id, id, version, 'raised', alerts.as_event(alert, event_id, now(), NULL, NULL) FROM raised
        )
        SELECT count(*) FROM raised
        """,
        [failure.key.host_id for failure in failures],
        [failure.key.kind for failure in failures],
        [failure.key.dedup_key for failure in failures],
        [failure.host_name for failure in failures],
        [json.dumps(failure.host_labels) for failure in failures],
        [failure.source_group_id for failure in failures],
        [failure.source_group_name for failure in failures],
        [change.first.severity for change in raises],
        [failure.title for failure in failures],
        [failure.message for failure in failures],
        [failure.hint for failure in failures],
        [failure.error_class for failure in failures],
        [change.first.at for change in raises],
        [failure.at for failure in failures],
        [failure.last_success_at for failure in failures],
        [change.first.job_id for change in raises],
        [change.occurrences for change in raises],
    )


async def resolve_cleared(tx: Connection, clears: Sequence[Clear]) -> int:
    """Resolve what is open under these keys; how many were. At most one `Clear` per key.

    An alert from before dedup_key, which stands for its whole host, gives way to a newer success of any group.
    """
    found = [change.first for change in clears]
    return await tx.fetchval(
        """
        WITH given AS (
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::uuid[], $6::text[])
                AS c (host_id, kind, dedup_key, at, job_id, resolution)
        ), cleared AS MATERIALIZED (
            SELECT * FROM given
            UNION ALL
            SELECT host_id, kind, '', max(at), NULL, 'superseded'
            FROM given WHERE kind = 'backup_failed' AND dedup_key <> ''
            GROUP BY host_id, kind
            ORDER BY host_id, kind, dedup_key
        ), open AS MATERIALIZED (
            SELECT a.id, cleared.job_id, cleared.resolution
            -- Key by key, in their order: a join may read all that is open, of which a storm makes much in no time.
            FROM cleared CROSS JOIN LATERAL (
                SELECT id FROM alerts.alert
                WHERE host_id = cleared.host_id AND kind = cleared.kind AND dedup_key = cleared.dedup_key
                  AND resolved_at IS NULL AND last_seen_at < cleared.at
                LIMIT 1
                FOR UPDATE
            ) AS a
        ), resolved AS (
            UPDATE alerts.alert AS a
            SET resolved_at = now(), resolution = open.resolution, resolved_job_id = open.job_id,
                version = a.version + 1
            FROM open WHERE a.id = open.id AND a.resolved_at IS NULL
            RETURNING new AS alert, uuidv7() AS event_id
        ), told AS (
            INSERT INTO alerts.alert_event (event_id, alert_id, version, type, payload)
            SELECT event_id, (alert).id, (alert).version, 'resolved',
                   alerts.as_event(alert, event_id, now(), NULL, NULL)
            FROM resolved
        )
        SELECT count(*) FROM resolved
        """,
        [success.key.host_id for success in found],
        [success.key.kind for success in found],
        [success.key.dedup_key for success in found],
        [change.newest.at for change in clears],
        [success.job_id for success in found],
        [success.resolution for success in found],
    )


async def note_evidence(tx: Connection, outcomes: Mapping[UUID, Evidence]) -> None:
    """Remember what the ends of these jobs did; a job that ended anew is judged anew."""
    await tx.execute(
        """
        INSERT INTO alerts.evidence (job_id, outcome)
        SELECT * FROM unnest($1::uuid[], $2::text[]) AS e (job_id, outcome) ORDER BY job_id
        ON CONFLICT (job_id) DO UPDATE SET outcome = excluded.outcome, judged_at = now()
        """,
        list(outcomes),
        list(outcomes.values()),
    )


async def resolve_deleted(tx: Connection, subject: UUID, host: UUID, resolution: Resolution) -> int:
    """Resolve whatever is open of a host, or of a group of it, that is gone, for good; how many were."""
    return await tx.fetchval(
        """
        WITH buried AS (
            INSERT INTO alerts.tombstone (subject_id) VALUES ($1) ON CONFLICT DO NOTHING
        ), open AS MATERIALIZED (
            SELECT id FROM alerts.alert
            -- Written so that the indexes of what is open don't fit: they promise few rows until a storm comes.
            WHERE host_id = $2 AND (host_id = $1 OR source_group_id = $1)
              AND coalesce(resolved_at, 'infinity') = 'infinity'
            ORDER BY host_id, kind, dedup_key FOR UPDATE
        ), resolved AS (
            UPDATE alerts.alert AS a
            SET resolved_at = now(), resolution = $3, version = a.version + 1
            FROM open WHERE a.id = open.id AND a.resolved_at IS NULL
            RETURNING new AS alert, uuidv7() AS event_id
        ), told AS (
            INSERT INTO alerts.alert_event (event_id, alert_id, version, type, payload)
            SELECT event_id, (alert).id, (alert).version, 'resolved',
                   alerts.as_event(alert, event_id, now(), NULL, NULL)
            FROM resolved
        )
        SELECT count(*) FROM resolved
        """,
        subject,
        host,
        resolution,
    )


async def acknowledge(tx: Connection, alerts: Sequence[UUID], actor: str, note: str | None) -> int:
    """Acknowledge those that are open and not acknowledged yet; how many were."""
    return await tx.fetchval(
        """
        WITH open AS MATERIALIZED (
            SELECT id FROM alerts.alert_shown
            WHERE id = ANY ($1::uuid[]) AND acked_at IS NULL AND resolved_at IS NULL
            ORDER BY host_id, kind, dedup_key FOR UPDATE
        ), acked AS (
            UPDATE alerts.alert AS a
            SET acked_at = now(), acked_by = $2, note = coalesce($3, a.note), version = a.version + 1
            FROM open WHERE a.id = open.id AND a.acked_at IS NULL AND a.resolved_at IS NULL
            RETURNING new AS alert, uuidv7() AS event_id
        ), told AS (
            INSERT INTO alerts.alert_event (event_id, alert_id, version, type, actor, note, payload)
            SELECT event_id, (alert).id, (alert).version, 'acked', $2, $3,
                   alerts.as_event(alert, event_id, now(), $2, $3)
            FROM acked
        )
        SELECT count(*) FROM acked
        """,
        alerts,
        actor,
        note,
    )


async def resolve_by_hand(tx: Connection, alerts: Sequence[UUID], actor: str, note: str | None) -> int:
    """Resolve those that are not resolved yet; how many were. Moves no mark: the next failure raises again."""
    return await tx.fetchval(
        """
        WITH open AS MATERIALIZED (
            SELECT id FROM alerts.alert_shown WHERE id = ANY ($1::uuid[]) AND resolved_at IS NULL
            ORDER BY host_id, kind, dedup_key FOR UPDATE
        ), resolved AS (
            UPDATE alerts.alert AS a
            SET resolved_at = now(), resolved_by = $2, resolution = 'manual', note = coalesce($3, a.note),
                version = a.version + 1
            FROM open WHERE a.id = open.id AND a.resolved_at IS NULL
            RETURNING new AS alert, uuidv7() AS event_id
        ), told AS (
            INSERT INTO alerts.alert_event (event_id, alert_id, version, type, actor, note, payload)
            SELECT event_id, (alert).id, (alert).version, 'resolved', $2, $3,
                   alerts.as_event(alert, event_id, now(), $2, $3)
            FROM resolved
        )
        SELECT count(*) FROM resolved
        """,
        alerts,
        actor,
        note,
    )


async def standing(tx: Connection, alerts: Sequence[UUID], *, resolved_status: int) -> list[BulkResult]:
    """What to answer for each alert, in the order asked: 404 for none, `resolved_status` for one that is over."""
    rows = await tx.fetch(
        "SELECT id, resolved_at IS NOT NULL AS resolved FROM alerts.alert_shown WHERE id = ANY ($1::uuid[])", alerts
    )
    known = {row["id"]: resolved_status if row["resolved"] else 204 for row in rows}
    return [BulkResult.model_validate({"id": alert, "status": known.get(alert, 404)}) for alert in alerts]

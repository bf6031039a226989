"""The half of the audit that alerts knows: what has happened to alerts."""

from datetime import timedelta

from shared.asks.alerts import ListTransitions, Transition
from shared.db import Connection
from shared.streams import MAX_AGE


async def transitions(connection: Connection, wanted: ListTransitions) -> list[Transition]:
    """Transitions in the order of time, as far as everything about them is still kept."""
    rows = await connection.fetch(
        """
        SELECT event.id, event.at, event.alert_id, event.version, event.event_id, event.type, alert.title,
               event.published_at IS NOT NULL AS published,
               (event.version = 1
                OR EXISTS (SELECT FROM alerts.alert_event AS before
                           WHERE before.alert_id = event.alert_id AND before.version = event.version - 1))
               AND (event.version = alert.version
                    OR EXISTS (SELECT FROM alerts.alert_event AS next
                               WHERE next.alert_id = event.alert_id AND next.version = event.version + 1)) AS whole
        FROM alerts.alert_event AS event JOIN alerts.alert_shown AS alert ON alert.id = event.alert_id
        WHERE (event.at, event.id) > ($1, $2) AND event.at < now() - $3::interval
          AND coalesce(event.published_at, event.at) < now() - $3::interval
          AND (alert.resolved_at IS NULL OR alert.resolved_at > now() - $4::interval)
        ORDER BY event.at, event.id LIMIT $5
        """,
        wanted.after_at,
        wanted.after_id,
        timedelta(seconds=wanted.settled_seconds),
        MAX_AGE,
        wanted.limit,
    )
    return [Transition.model_validate(dict(row)) for row in rows]

"""The half of the audit that the notifier knows: whether people were told, or why not."""

from collections.abc import Sequence
from uuid import UUID

from services.notifier.model import EventKey, Fault
from shared.db import Connection, Pool


async def faults(db: Pool | Connection, keys: Sequence[EventKey], event_ids: Sequence[UUID]) -> dict[EventKey, Fault]:
    """Those of these events that are not accounted for, and the first thing that is missing."""
    rows = await db.fetch(
        """
        SELECT alert_id, version, fault
        FROM unnest($1::uuid[], $2::int[], $3::uuid[]) AS told (alert_id, version, event_id)
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN event.alert_id IS NULL THEN 'not_received'
                WHEN event.event_id <> told.event_id THEN 'another_event'
                WHEN event.fanned_out_at IS NULL THEN 'not_fanned_out'
                WHEN EXISTS (
                    SELECT FROM notifier.channel_shown AS channel
                    -- One that was being made at that moment may have come too late for it.
                    WHERE channel.created_at < event.fanned_out_at - interval '1 minute'
                      AND NOT EXISTS (SELECT FROM notifier.decision
                                      WHERE decision.alert_id = told.alert_id AND decision.version = told.version
                                        AND decision.channel_id = channel.id)
                ) THEN 'no_decision'
                WHEN EXISTS (
                    SELECT FROM notifier.decision
                    WHERE decision.alert_id = told.alert_id AND decision.version = told.version AND decision.due
                      AND NOT EXISTS (SELECT FROM notifier.delivery
                                      WHERE delivery.alert_id = told.alert_id AND delivery.version = told.version
                                        AND delivery.channel_id = decision.channel_id)
                ) THEN 'no_delivery'
            END AS fault
            FROM (SELECT) AS always
            LEFT JOIN notifier.event ON event.alert_id = told.alert_id AND event.version = told.version
        ) AS seen
        WHERE fault IS NOT NULL
        """,
        [alert for alert, _ in keys],
        [version for _, version in keys],
        event_ids,
    )
    return {(row["alert_id"], row["version"]): Fault(row["fault"]) for row in rows}

"""Removes what has become too old, a batch at a time; any number of replicas may do so."""

from datetime import timedelta

import structlog

from services.alerts.queries import retention as queries
from services.alerts.settings import Settings
from shared.db import Pool
from shared.retention import BATCH, REMOVED

log = structlog.get_logger()


async def remove_some(pool: Pool, settings: Settings, batch: int = BATCH) -> bool:
    """Remove a batch of everything; whether there may be more of something."""
    alerts, events = await queries.remove_alerts(pool, timedelta(days=settings.keep_alerts_days), batch)
    removed = {
        "alerts.alert": alerts,
        "alerts.alert_event": events,
        "alerts.inbox": await queries.remove_received(pool, timedelta(days=settings.keep_inbox_days), batch),
        "alerts.evidence": await queries.remove_evidence(pool, timedelta(days=settings.keep_jobs_days), batch),
    }
    for table, rows in removed.items():
        REMOVED.labels(table).inc(rows)
    canaries = await queries.remove_canaries(pool, batch)
    if any(removed.values()):
        log.info("old rows removed", **{table.partition(".")[2]: rows for table, rows in removed.items() if rows})
    return canaries == batch or any(
        removed[table] == batch for table in ("alerts.alert", "alerts.inbox", "alerts.evidence")
    )

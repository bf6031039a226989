"""Removes what was told of alerts that were over long ago, a batch at a time; any number of replicas may do so.

An alert goes as a whole: of one that stands, or of which a delivery still waits, nothing does.
"""

from datetime import timedelta

import structlog

from services.notifier.queries import canary
from services.notifier.queries import retention as queries
from shared.db import Connection, Pool, in_transaction
from shared.retention import REMOVED

log = structlog.get_logger()
ALERTS = 100
"""A raise and an end, told to a few channels, are some ten rows each."""


async def remove_some(pool: Pool, keep: timedelta, alerts: int = ALERTS) -> bool:
    """Remove a batch; whether there may be more."""
    removed = await in_transaction(pool, lambda tx: _remove(tx, keep, alerts))
    canaries = await in_transaction(pool, lambda tx: _remove_canaries(tx, alerts))
    for table, rows in removed.items():
        REMOVED.labels(f"notifier.{table}").inc(rows)
    if removed:
        log.info("old deliveries removed", deliveries=removed["delivery"], alerts=removed["fan_out"])
    return alerts in {removed.get("fan_out", 0), canaries}


async def _remove(tx: Connection, keep: timedelta, alerts: int) -> dict[str, int]:
    ended = await queries.ended(tx, keep, alerts)
    kept = await queries.waiting_again(tx, ended) if ended else set()
    going = [alert for alert in ended if alert not in kept]
    return await queries.remove(tx, going) if going else {}


async def _remove_canaries(tx: Connection, alerts: int) -> int:
    ended = await canary.ended(tx, alerts)
    if ended:
        await queries.remove(tx, ended)
    return len(ended)

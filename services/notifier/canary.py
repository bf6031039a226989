"""The end of the canary's way: the sink that hears of it, and the watch that misses it when it does not come."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from prometheus_client import Gauge, Histogram

from services.notifier.model import Delivered, Message, Outcome, Stored
from services.notifier.queries import canary as queries
from services.notifier.queries import own_trouble
from services.notifier.sealed import closed
from shared.db import Connection, Pool, in_transaction
from shared.own_host import SINK_CHANNEL_ID
from shared.sealing import Sealer

log = structlog.get_logger()
SECONDS = 15.0
"""Between two looks whether it came."""
LEAST_PATIENCE = timedelta(minutes=1)
FIRST_PATIENCE = timedelta(hours=2)
"""The first canary may take as long as an upgrade: jobs sends none for an hour."""
NAME = "canary"
OK = 200
LATENCY = Histogram(
    "keepwatch_canary_seconds",
    "From the end of the canary's job until it was recorded that the sink was told",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)
ARRIVED = Gauge("keepwatch_canary_timestamp_seconds", "When the sink was last told of a canary")


class Sink:
    """A channel that is always reached, and tells nobody."""

    async def send(self, message: Message, stored: Stored) -> Outcome:
        """It arrived."""
        del message, stored
        return Delivered(status=OK, detail="arrived")


SINK = Sink()


@dataclass
class Watch:
    """Says that the canary is lost when none arrived for a minute or three intervals, whichever is more."""

    pool: Pool
    sealer: Sealer
    interval: timedelta
    arrived_lately: bool = field(default=False, init=False)
    """As of the last look."""
    _sink_made: bool = field(default=False, init=False)
    _since: datetime | None = field(default=None, init=False)

    async def make_sink(self) -> None:
        """Let the sink be there before the first canary comes."""
        secrets = closed(self.sealer, SINK_CHANNEL_ID, {})
        self._sink_made = self._sink_made or await queries.make_sink(self.pool, secrets)

    async def look(self) -> bool:
        """Look once; time that this process did not run is nobody's fault."""
        await self.make_sink()
        arrived_at, now = await queries.last_arrival(self.pool)
        self._since = self._since or now
        patience = max(LEAST_PATIENCE, 3 * self.interval)
        if arrived_at:
            ARRIVED.set(arrived_at.timestamp())
        self.arrived_lately = arrived_at is not None and now - arrived_at <= patience
        waited = now - max(arrived_at or self._since, self._since)
        lost = waited > (patience if arrived_at else max(patience, FIRST_PATIENCE))
        if self.arrived_lately or lost:
            await in_transaction(self.pool, lambda tx: _say(tx, lost=lost, patience=patience))
        return False


async def _say(tx: Connection, *, lost: bool, patience: timedelta) -> None:
    if await queries.said_lost(tx) == lost:
        return
    if lost:
        message = f"none has arrived for {patience.total_seconds():.0f} s"
        log.error("canary lost", reason=message)
        await own_trouble.note_wrong(tx, *queries.CANARY, NAME, message)
    else:
        log.info("canary found")
        await own_trouble.note_over(tx, *queries.CANARY, NAME)

"""What every service tells Prometheus of its own plumbing. Labels are bounded: names of outboxes and consumers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from prometheus_client import Counter, Gauge

from shared.bus import jetstream
from shared.db import AWAY, Pool
from shared.streams import STREAM, Durable

SECONDS = 5.0
"""Between two looks."""

LOOP_LAG = Gauge("keepwatch_event_loop_lag_seconds", "How late the event loop came when it was last looked at")
POOL_WAIT = Gauge("keepwatch_pool_wait_seconds", "How long a database connection was last waited for")
POOL_CONNECTIONS = Gauge("keepwatch_pool_connections", "Database connections of this process", ["state"])
OUTBOX_DEPTH = Gauge("keepwatch_outbox_depth", "Committed events that are not in the stream yet", ["outbox"])
OUTBOX_OLDEST = Gauge("keepwatch_outbox_oldest_seconds", "How long the oldest of them has waited", ["outbox"])
PUBLISHED = Counter("keepwatch_events_published", "Events that the broker has taken", ["subject"])
BROKER_FORGOT = Counter("keepwatch_broker_memory_lost", "Times that the broker had forgotten what it was told")
CONSUMER_LAG = Gauge("keepwatch_consumer_lag", "Messages that wait to be handled, in work or not", ["consumer"])
CONSUMER_REDELIVERED = Gauge("keepwatch_consumer_redelivered", "Messages in work that came before", ["consumer"])
HANDLED = Counter("keepwatch_messages_handled", "Messages whose effect is committed", ["consumer"])
DEAD_LETTERS = Counter("keepwatch_dead_letters", "Messages that could not be handled and were set aside", ["consumer"])

Waiting = Callable[[Pool], Awaitable[tuple[int, float]]]
"""How many events an outbox holds that are not published, and for how many seconds the oldest has."""


@dataclass(frozen=True)
class Measured:
    """What of a process is looked at."""

    pool: Pool
    client: Client
    outboxes: Mapping[str, Waiting]
    consumers: tuple[Durable, ...] = ()
    """Everybody's, so that one whose service is away is still seen to fall behind."""

    async def look(self) -> bool:
        """One look at everything; what does not answer keeps its last figure, and `/readyz` says so."""
        await _loop_lag()
        try:
            await self._database()
            await self._broker()
        except (*AWAY, nats.errors.Error, nats.js.errors.Error):
            return False
        return False

    async def _database(self) -> None:
        begun = time.monotonic()
        async with self.pool.acquire(timeout=SECONDS):
            POOL_WAIT.set(time.monotonic() - begun)
        idle = self.pool.get_idle_size()
        POOL_CONNECTIONS.labels("idle").set(idle)
        POOL_CONNECTIONS.labels("busy").set(self.pool.get_size() - idle)
        for name, waiting in self.outboxes.items():
            depth, oldest = await waiting(self.pool)
            OUTBOX_DEPTH.labels(name).set(depth)
            OUTBOX_OLDEST.labels(name).set(oldest)

    async def _broker(self) -> None:
        for durable in self.consumers:
            info = await jetstream(self.client).consumer_info(STREAM, durable.name)
            CONSUMER_LAG.labels(durable.name).set((info.num_pending or 0) + (info.num_ack_pending or 0))
            CONSUMER_REDELIVERED.labels(durable.name).set(info.num_redelivered or 0)


async def _loop_lag() -> None:
    begun = time.monotonic()
    await asyncio.sleep(0.1)
    LOOP_LAG.set(max(time.monotonic() - begun - 0.1, 0))

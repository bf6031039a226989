"""What became of tries: recorded many at a time, if the leases are still ours, and then counted and told."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import prometheus_client
import structlog
from opentelemetry.trace import SpanKind

from services.notifier import rules
from services.notifier.canary import LATENCY
from services.notifier.disabling import learn_from
from services.notifier.model import Delivered, Tried
from services.notifier.queries import deliveries as queries
from shared.clock import utc_now
from shared.db import Connection, Pool, in_transaction
from shared.own_host import SINK_CHANNEL_ID
from shared.tracing import tracing
from shared.vocabulary import DeliveryState

log = structlog.get_logger()
TRIES = prometheus_client.Counter("keepwatch_delivery_tries", "Tries to deliver", ["kind", "outcome"])
ARRIVED = prometheus_client.Histogram(
    "keepwatch_event_to_arrival_seconds",
    "From an alert's transition until a receiver had taken it, all tries included",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 1800, 7200, 36000),
)
GIVEN_UP = prometheus_client.Counter(
    "keepwatch_deliveries_given_up",
    "Deliveries that ended dead after their tries, or as nobody knows whether they arrived",
)

TOGETHER = 128
WITHIN_SECONDS = 0.01
"""A try that has ended waits so long for others to be recorded with it, if there are any."""
QUICK_WITHIN_SECONDS = 0.04
"""The same at a receiver that answers quickly, for which more is claimed ahead."""


@dataclass
class Results:
    """Tries that have ended and are not recorded yet."""

    pool: Pool
    disable_after: timedelta
    """A channel with nothing but failures for so long is disabled."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when those that are here should be recorded."""
    waiting: list[Tried] = field(default_factory=list)

    def add(self, tried: Tried, under_way: int, *, quick: bool) -> None:
        """Have it recorded, with others where more than this one are under way; later if its receiver is quick."""
        self.waiting.append(tried)
        if len(self.waiting) >= min(TOGETHER, under_way):
            self.news.set()
        elif len(self.waiting) == 1:
            within = QUICK_WITHIN_SECONDS if quick else WITHIN_SECONDS
            asyncio.get_running_loop().call_later(within, self.news.set)

    async def record(self) -> "Recorded":
        """Record all of them in one transaction."""
        tried = list(self.waiting)
        current = await in_transaction(self.pool, lambda tx: record(tx, tried, self.disable_after)) if tried else set()
        del self.waiting[: len(tried)]
        return Recorded(tried, current)


@dataclass(frozen=True)
class Recorded:
    """Tries that have been recorded, and which deliveries of them were still ours."""

    tried: Sequence[Tried]
    current: set[UUID]

    def tell(self) -> None:
        """Count, trace and log them; of a canary that arrived, only how long it took."""
        for (kind, outcome), times in Counter(
            (one.claimed.target.kind, type(one.outcome)) for one in self.tried
        ).items():
            TRIES.labels(kind.value, outcome.__name__.lower()).inc(times)
        for one in self.tried:
            try:
                _tell(one, current=one.claimed.id in self.current)
            except Exception:
                log.exception("cannot tell of a try", delivery_id=str(one.claimed.id))


async def record(tx: Connection, tried: Sequence[Tried], disable_after: timedelta) -> set[UUID]:
    """Note the tries, where the deliveries stand, and how the channels do; the deliveries that were still ours."""
    await learn_from(tx, tried, disable_after)
    return await queries.record(tx, tried)


async def give_up_begun(pool: Pool) -> bool:
    """End what was begun by a process that is gone; whether there was any."""
    given_up = await queries.give_up_begun(pool, rules.unknown("whoever sent it did not come back"))
    for lost in given_up:
        log.warning("delivery given up", delivery_id=str(lost), reason="begun, and its lease is over")
        GIVEN_UP.inc()
    return bool(given_up)


def _tell(one: Tried, *, current: bool) -> None:
    event = one.claimed.event
    job = event["alert"]["raised_job_id"]
    about = {"delivery_id": str(one.claimed.id), "channel_id": str(one.claimed.target.channel_id)}
    about |= {"event_id": event["event_id"], "state": one.next.state.value}
    if tracing.on and job:
        tracing.part(UUID(job), "notifier: deliver", one.at.timestamp(), SpanKind.CLIENT, **about)
    if current and one.next.state is DeliveryState.DEAD:
        GIVEN_UP.inc()
    if current and isinstance(one.outcome, Delivered):
        if one.claimed.target.channel_id == SINK_CHANNEL_ID:
            made = datetime.fromisoformat(event["alert"]["last_seen_at"])
            LATENCY.observe(max((utc_now() - made).total_seconds(), 0))
            return
        ended = one.at + timedelta(milliseconds=one.duration_ms)
        ARRIVED.observe(max((ended - datetime.fromisoformat(event["at"])).total_seconds(), 0))
    log.info(
        "tried",
        **about,
        **({"job_id": job} if job else {}),
        reason=one.next.error,
        duration_ms=one.duration_ms,
        lease="ours" if current else "lost",
    )

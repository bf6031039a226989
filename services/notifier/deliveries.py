"""Makes deliveries: claim by lease, send outside any transaction, record if the lease is still ours."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import prometheus_client
import structlog
from opentelemetry.trace import SpanKind

from services.notifier import rules
from services.notifier.canary import LATENCY, SINK
from services.notifier.channels import Kind
from services.notifier.disabling import learn_from
from services.notifier.model import BuiltIn, Claimed, Delivered, Message, Outcome, Stored, Tried, Unreachable
from services.notifier.queries import deliveries as queries
from services.notifier.sealed import opened
from shared.clock import Clock, utc_now
from shared.crash_points import crash_point
from shared.db import Connection, Pool, in_transaction
from shared.loops import repeat
from shared.own_host import SINK_CHANNEL_ID
from shared.sealing import SealBrokenError, Sealer
from shared.tracing import tracing
from shared.vocabulary import ChannelKind

log = structlog.get_logger()
TRIES = prometheus_client.Counter("keepwatch_delivery_tries", "Tries to deliver", ["kind", "outcome"])
ARRIVED = prometheus_client.Histogram(
    "keepwatch_event_to_arrival_seconds",
    "From an alert's transition until a receiver had taken it, all tries included",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 1800, 7200, 36000),
)
SECONDS = prometheus_client.Histogram("keepwatch_delivery_seconds", "How long a try took", ["kind"])

LEASE = timedelta(seconds=30)
"""Twice what a try may take, and used in its first half only; after it, what a dead worker held is sent again."""
IN_FLIGHT = 512
PER_CHANNEL = 64
PER_UNREACHABLE_CHANNEL = 2
"""A receiver that keeps us waiting gets few places until it answers, so that many such leave room for the rest."""
POLL_SECONDS = 1.0
LAST_SENDS_SECONDS = 5.0


def message_of(claimed: Claimed, public_url: str | None) -> Message:
    """What a delivery's event says; the alert gets the address of its page."""
    event = json.loads(claimed.payload)
    alert = event["alert"]
    page = f"{public_url.rstrip('/')}/alerts/{alert['id']}" if public_url else None
    return Message(
        id=claimed.id,
        type=f"alert.{claimed.type}",
        at=event["at"],
        alert={**alert, "url": page},
        actor=event["actor"],
        note=event["note"],
        once=claimed.at_most_once,
    )


@dataclass
class Deliverer:
    """Sends what is due, in order per channel and alert; any number of replicas may run it."""

    pool: Pool
    kinds: Mapping[ChannelKind, Kind]
    sealer: Sealer
    schedule: Sequence[float]
    public_url: str | None
    disable_after: timedelta
    """A channel with nothing but failures for so long is disabled."""
    clock: Clock = utc_now
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is something new to deliver, so that nothing waits for the next poll."""
    lease: timedelta = LEASE
    _sending: set[asyncio.Task[None]] = field(default_factory=set)
    _busy: Counter[UUID] = field(default_factory=Counter)
    _unreachable: set[UUID] = field(default_factory=set)
    _tried: list[Tried] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; then what is being sent is finished and recorded."""
        finished = asyncio.Event()
        recording = asyncio.create_task(
            repeat("delivery results", self.record_some, stop=finished, seconds=POLL_SECONDS, wake=self._news)
        )
        looking_after = asyncio.create_task(
            repeat("begun deliveries", self.give_up_begun, stop=stop, seconds=POLL_SECONDS)
        )
        await repeat("deliveries", self.send_some, stop=stop, seconds=POLL_SECONDS, wake=self.wake)
        await looking_after
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=LAST_SENDS_SECONDS)
            for task in late:
                task.cancel()  # nobody knows whether it arrived: after its lease it is sent again, or given up
        finished.set()
        await recording
        await self.record_some()

    async def send_some(self) -> bool:
        """Claim what fits and start sending it; never says that there is more, since results make room."""
        places = IN_FLIGHT - self._busy.total()
        if places <= 0:
            return False
        known = {channel: self._places(channel) - busy for channel, busy in self._busy.items() if busy}
        known |= {channel: self._places(channel) for channel in self._unreachable if channel not in known}
        deadline = time.monotonic() + self.lease.total_seconds() / 2
        claimed = await queries.claim(self.pool, known, PER_CHANNEL, places, self.lease)
        # Whatever happened since the claim, e.g. a channel that was disabled, counts.
        ours = await queries.still_ours(self.pool, claimed) if claimed else set()
        for one in claimed:
            if one.id in ours:
                self._start(one, deadline)
        return False

    def _places(self, channel: UUID) -> int:
        return PER_UNREACHABLE_CHANNEL if channel in self._unreachable else PER_CHANNEL

    def _start(self, claimed: Claimed, deadline: float) -> None:
        self._busy[claimed.channel_id] += 1
        task = asyncio.create_task(self._send(claimed, deadline))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, claimed: Claimed, deadline: float) -> None:
        # When this process stood still since the claim, the delivery may be somebody else's by now.
        if time.monotonic() > deadline or (claimed.at_most_once and not await self._begin(claimed)):
            log.warning("lease not used", delivery_id=str(claimed.id))
            self._busy[claimed.channel_id] -= 1
            return
        at, started = self.clock(), time.monotonic()
        crash_point("send.before")
        outcome = await self._try(claimed, deadline)
        crash_point("send.after")
        took = time.monotonic() - started
        luck = random.random()  # noqa: S311  jitter
        after = rules.after_try(outcome, claimed.tries + 1, self.schedule, luck, at_most_once=claimed.at_most_once)
        self._note(claimed, outcome, took)
        self._tried.append(Tried(claimed, outcome, at, round(took * 1000), after))
        self._news.set()

    async def _begin(self, claimed: Claimed) -> bool:
        """Commit that it is about to be sent: after a crash in between nobody can say whether it was."""
        try:
            return await queries.begin(self.pool, claimed)
        except Exception as error:  # noqa: BLE001  what may not be noted as begun must not be sent
            log.warning("cannot begin", delivery_id=str(claimed.id), error=type(error).__name__)
            return False

    async def give_up_begun(self) -> bool:
        """End what may have been sent by a process that is gone, and is not to be sent twice."""
        for lost in await queries.give_up_begun(self.pool, rules.unknown("whoever sent it did not come back")):
            log.warning("delivery given up", delivery_id=str(lost), reason="begun, and its lease is over")
            self.wake.set()
        return False

    async def _try(self, claimed: Claimed, deadline: float) -> Outcome:
        if time.monotonic() > deadline:
            return Unreachable("not sent in time", unsent=True)
        try:
            stored = Stored(claimed.config, opened(self.sealer, claimed.channel_id, claimed.secrets))
            sender = SINK if claimed.kind is BuiltIn.SINK else self.kinds[claimed.kind]
            return await sender.send(message_of(claimed, self.public_url), stored)
        except SealBrokenError:
            return Unreachable("the channel's secrets were sealed with another KEEPWATCH_SECRET_KEY", unsent=True)
        except Exception as error:  # noqa: BLE001  a delivery that breaks the sender is retried, and ends dead
            # Neither message nor traceback: the libraries' own may hold the URL.
            log.warning("cannot send", delivery_id=str(claimed.id), error=type(error).__name__)
            return Unreachable(f"internal error ({type(error).__name__})")

    def _note(self, claimed: Claimed, outcome: Outcome, took: float) -> None:
        TRIES.labels(claimed.kind.value, type(outcome).__name__.lower()).inc()
        SECONDS.labels(claimed.kind.value).observe(took)
        if isinstance(outcome, Unreachable):
            self._unreachable.add(claimed.channel_id)
        else:
            self._unreachable.discard(claimed.channel_id)

    async def record_some(self) -> bool:
        """Record the tries that have ended, all in one transaction, and make room for others."""
        tried = list(self._tried)
        if not tried:
            return False
        current = await in_transaction(self.pool, lambda tx: record(tx, tried, self.disable_after))
        del self._tried[: len(tried)]
        for one in tried:
            self._busy[one.claimed.channel_id] -= 1
            _tell(one, current=one.claimed.id in current)
        self.wake.set()
        return False


async def record(tx: Connection, tried: Sequence[Tried], disable_after: timedelta) -> set[UUID]:
    """Note the tries, where the deliveries stand, and how the channels do; the deliveries that were still ours."""
    await learn_from(tx, tried, disable_after)
    return await queries.record(tx, tried)


def _tell(one: Tried, *, current: bool) -> None:
    event = json.loads(one.claimed.payload)
    job = event["alert"]["raised_job_id"]
    about = {"delivery_id": str(one.claimed.id), "channel_id": str(one.claimed.channel_id)}
    about |= {"event_id": event["event_id"], "state": one.next.state.value}
    begun = one.at.timestamp()
    tracing.part(UUID(job) if job else None, "notifier: deliver", begun, SpanKind.CLIENT, **about)
    if current and isinstance(one.outcome, Delivered):
        if one.claimed.channel_id == SINK_CHANNEL_ID:
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

"""Makes deliveries: claim by lease, send outside any transaction, record if the lease is still ours."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

import prometheus_client
import structlog
from opentelemetry.trace import SpanKind

from services.notifier import rules
from services.notifier.canary import LATENCY, SINK
from services.notifier.channels import Kind
from services.notifier.disabling import learn_from
from services.notifier.model import BuiltIn, Claimed, Delivered, Message, Outcome, Tried, Unreachable
from services.notifier.queries import deliveries as queries
from services.notifier.receivers import PER_CHANNEL, Receiver
from services.notifier.turns import Turn, Turns
from shared.clock import Clock, utc_now
from shared.crash_points import crash_point
from shared.db import Connection, Pool, in_transaction
from shared.loops import repeat
from shared.own_host import SINK_CHANNEL_ID
from shared.sealing import SealBrokenError, Sealer
from shared.tracing import tracing
from shared.vocabulary import ChannelKind, DeliveryState

log = structlog.get_logger()
TRIES = prometheus_client.Counter("keepwatch_delivery_tries", "Tries to deliver", ["kind", "outcome"])
ARRIVED = prometheus_client.Histogram(
    "keepwatch_event_to_arrival_seconds",
    "From an alert's transition until a receiver had taken it, all tries included",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 1800, 7200, 36000),
)
SECONDS = prometheus_client.Histogram("keepwatch_delivery_seconds", "How long a try took", ["kind"])
GIVEN_UP = prometheus_client.Counter(
    "keepwatch_deliveries_given_up",
    "Deliveries that ended dead after their tries, or as nobody knows whether they arrived",
)

LEASE = timedelta(seconds=30)
"""Twice what a try may take, and used in its first half only; after it, what a dead worker held is sent again."""
IN_FLIGHT = 2048
REMEMBERED_SECONDS = 3600.0
"""What was learned of a receiver that is called no more is forgotten."""
POLL_SECONDS = 1.0
RECORD_TOGETHER = 128
RECORD_WITHIN_SECONDS = 0.01
"""A try that has ended waits so long for others to be recorded with it, if there are any."""
RECORD_QUICK_WITHIN_SECONDS = 0.04
"""The same at a receiver that answers quickly, for which more is claimed ahead."""
LAST_SENDS_SECONDS = 5.0


def message_of(claimed: Claimed, public_url: str | None) -> Message:
    """What a delivery's event says; the alert gets the address of its page."""
    event = claimed.event
    alert = event["alert"]
    page = f"{public_url.rstrip('/')}/alerts/{alert['id']}" if public_url else None
    return Message(
        id=claimed.id,
        type=f"alert.{claimed.type}",
        at=event["at"],
        alert={**alert, "url": page},
        actor=event["actor"],
        note=event["note"],
        once=claimed.target.at_most_once,
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
    _receivers: defaultdict[UUID, Receiver] = field(default_factory=lambda: defaultdict(Receiver))
    _leaving: bool = False
    _busy: int = 0
    """Deliveries claimed whose tries are not recorded yet."""
    _unused: list[Claimed] = field(default_factory=list)
    """Claimed and not sent; to be given back."""
    _tried: list[Tried] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self.pool)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; then what is being sent is finished and recorded."""
        finished = asyncio.Event()
        recording = asyncio.create_task(
            repeat("delivery results", self.record_some, stop=finished, seconds=POLL_SECONDS, wake=self._news)
        )
        looking_after = asyncio.create_task(
            repeat("begun deliveries", self.look_after, stop=stop, seconds=POLL_SECONDS)
        )
        await repeat("deliveries", self.send_some, stop=stop, seconds=POLL_SECONDS, wake=self.wake)
        await looking_after
        self._leaving = True
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=LAST_SENDS_SECONDS)
            for task in late:
                task.cancel()  # nobody knows whether it arrived: after its lease it is sent again, or given up
        finished.set()
        await recording
        await self.record_some()
        self.give_back([turn.claimed for receiver in self._receivers.values() for turn in receiver.waiting])
        await self._give_back()

    async def send_some(self) -> bool:
        """Claim what fits and start sending it; never says that there is more, since results make room."""
        places = IN_FLIGHT - self._busy
        if places <= 0:
            return False
        room = {channel: one.room for channel, one in self._receivers.items() if not one.ordinary}
        at = time.monotonic()
        claimed = await queries.claim(self.pool, room, PER_CHANNEL, places, self.lease)
        await self.send(claimed, at)
        if len(claimed) < places:
            found = Counter(one.target.channel_id for one in claimed)
            for channel, receiver in self._receivers.items():
                receiver.behind = receiver.behind and found[channel] >= room.get(channel, PER_CHANNEL)
        return False

    def takes(self, wanted: Mapping[UUID, int]) -> list[UUID]:
        """To which of these channels so many new deliveries may be claimed as they are made, and given to `send`.

        The others wait for a claim, and so do those that are made later, until one has found no more of them.
        """
        places, taken = IN_FLIGHT - self._busy, []
        for channel, count in wanted.items():
            receiver = self._receivers[channel]
            # The room that a claim would have: where there is none, retries and what follows wait as well.
            if self._leaving or receiver.behind or count > min(places, receiver.room):
                receiver.behind = True
            else:
                places -= count
                taken.append(channel)
        return taken

    async def send(self, claimed: Sequence[Claimed], at: float) -> bool:
        """Start sending what a claim got that began at `at` (monotonic seconds); False when it is given back."""
        if self._leaving:
            self.give_back(claimed)
            await self._give_back()
            return False
        deadline = at + self.lease.total_seconds() / 2
        for one in claimed:
            self._busy += 1
            receiver = self._receivers[one.target.channel_id]
            receiver.busy += 1
            receiver.waiting.append(self._turns.wait(one, deadline, at))
            if receiver.calling < PER_CHANNEL:
                self._call(receiver)
        return True

    def _call(self, receiver: Receiver) -> None:
        """Keep the receiver's line busy with one more call at a time, as long as deliveries wait for theirs."""
        receiver.calling += 1
        task = asyncio.create_task(self._send_in_turn(receiver))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send_in_turn(self, receiver: Receiver) -> None:
        try:
            while receiver.waiting:
                turn = receiver.waiting.popleft()
                try:
                    tried = await self._send(turn, receiver)
                except Exception:  # its lease runs out; the others need not wait for that
                    log.exception("cannot send", delivery_id=str(turn.claimed.id))
                    self._leave(turn.claimed)
                else:
                    self._ended(turn.claimed, tried, receiver)
        finally:
            receiver.calling -= 1

    async def _send(self, turn: Turn, receiver: Receiver) -> Tried | None:
        """A try of it, or None where it must not be sent any more."""
        claimed = turn.claimed
        if not await self._may_send(claimed, receiver, turn):
            return None
        at, started = self.clock(), time.monotonic()
        crash_point("send.before")
        outcome = await self._try(claimed, receiver, turn.deadline)
        crash_point("send.after")
        took = time.monotonic() - started
        luck = random.random()  # noqa: S311  jitter
        after = rules.after_try(
            outcome, claimed.tries + 1, self.schedule, luck, at_most_once=claimed.target.at_most_once
        )
        SECONDS.labels(claimed.target.kind.value).observe(took)
        receiver.learn(claimed, outcome, took)
        return Tried(claimed, outcome, at, round(took * 1000), after)

    def _ended(self, claimed: Claimed, tried: Tried | None, receiver: Receiver) -> None:
        """Have a try recorded with others, and what was not sent given back."""
        if tried is None:
            log.warning("lease not used", delivery_id=str(claimed.id))
            self._leave(claimed)
            self.give_back([claimed])
            return
        self._tried.append(tried)
        if len(self._tried) >= min(RECORD_TOGETHER, self._busy):
            self._news.set()
        elif len(self._tried) == 1:
            within = RECORD_QUICK_WITHIN_SECONDS if receiver.quick else RECORD_WITHIN_SECONDS
            asyncio.get_running_loop().call_later(within, self._news.set)

    def _leave(self, claimed: Claimed) -> None:
        self._busy -= 1
        self._receivers[claimed.target.channel_id].busy -= 1

    async def _may_send(self, claimed: Claimed, receiver: Receiver, turn: Turn) -> bool:
        """Whether nothing has happened to it since the claim, e.g. to its channel."""
        if not await self._turns.come(turn) or not receiver.wants(claimed):
            return False
        return not claimed.target.at_most_once or await self._begin(claimed)

    async def _begin(self, claimed: Claimed) -> bool:
        """Commit that it is about to be sent: after a crash in between nobody can say whether it was."""
        try:
            return await queries.begin(self.pool, claimed)
        except Exception as error:  # noqa: BLE001  what may not be noted as begun must not be sent
            log.warning("cannot begin", delivery_id=str(claimed.id), error=type(error).__name__)
            return False

    async def look_after(self) -> bool:
        """End what was begun by a process that is gone, give back what was not sent, forget old receivers."""
        for lost in await queries.give_up_begun(self.pool, rules.unknown("whoever sent it did not come back")):
            log.warning("delivery given up", delivery_id=str(lost), reason="begun, and its lease is over")
            GIVEN_UP.inc()
            self.wake.set()
        await self._give_back()
        idle_since = time.monotonic() - REMEMBERED_SECONDS
        for channel in [channel for channel, one in self._receivers.items() if one.idle_since(idle_since)]:
            del self._receivers[channel]
        return False

    def give_back(self, claimed: Sequence[Claimed]) -> None:
        """Have the leases of these ended soon: they are not sent, or it is not known whether they are leased at all."""
        self._unused.extend(claimed)

    async def _give_back(self) -> None:
        if unused := self._unused:
            self._unused = []
            try:
                await queries.give_back(self.pool, unused)
            except Exception as error:  # noqa: BLE001  a second later again; at the end their leases run out
                log.warning("cannot give back", deliveries=len(unused), error=type(error).__name__)
                self._unused = unused + self._unused
            else:
                self.wake.set()

    async def _try(self, claimed: Claimed, receiver: Receiver, deadline: float) -> Outcome:
        if time.monotonic() > deadline:
            return Unreachable("not sent in time", unsent=True)
        try:
            stored = receiver.opened(claimed, self.sealer)
            sender = SINK if claimed.target.kind is BuiltIn.SINK else self.kinds[claimed.target.kind]
            return await sender.send(message_of(claimed, self.public_url), stored)
        except SealBrokenError:
            return Unreachable("the channel's secrets were sealed with another KEEPWATCH_SECRET_KEY", unsent=True)
        except Exception as error:  # noqa: BLE001  a delivery that breaks the sender is retried, and ends dead
            # Neither message nor traceback: the libraries' own may hold the URL.
            log.warning("cannot send", delivery_id=str(claimed.id), error=type(error).__name__)
            return Unreachable(f"internal error ({type(error).__name__})")

    async def record_some(self) -> bool:
        """Record the tries that have ended, all in one transaction, and make room for others."""
        tried = list(self._tried)
        if not tried:
            return False
        current = await in_transaction(self.pool, lambda tx: record(tx, tried, self.disable_after))
        del self._tried[: len(tried)]
        for one in tried:
            self._leave(one.claimed)
        self.wake.set()
        _count(tried)
        for one in tried:
            try:
                _tell(one, current=one.claimed.id in current)
            except Exception:
                log.exception("cannot tell of a try", delivery_id=str(one.claimed.id))
        return bool(self._tried)  # what has ended meanwhile


async def record(tx: Connection, tried: Sequence[Tried], disable_after: timedelta) -> set[UUID]:
    """Note the tries, where the deliveries stand, and how the channels do; the deliveries that were still ours."""
    await learn_from(tx, tried, disable_after)
    return await queries.record(tx, tried)


def _count(tried: Sequence[Tried]) -> None:
    for (kind, outcome), times in Counter((one.claimed.target.kind, type(one.outcome)) for one in tried).items():
        TRIES.labels(kind.value, outcome.__name__.lower()).inc(times)


def _tell(one: Tried, *, current: bool) -> None:
    event = one.claimed.event
    job = event["alert"]["raised_job_id"]
    about = {"delivery_id": str(one.claimed.id), "channel_id": str(one.claimed.target.channel_id)}
    about |= {"event_id": event["event_id"], "state": one.next.state.value}
    begun = one.at.timestamp()
    tracing.part(UUID(job) if job else None, "notifier: deliver", begun, SpanKind.CLIENT, **about)
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

"""Has deliveries made: claimed by lease, sent outside any transaction, recorded if the lease is still ours."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from uuid import UUID

import structlog

from services.notifier.model import Claimed, Tried
from services.notifier.queries import deliveries as queries
from services.notifier.receivers import PER_CHANNEL, Receiver
from services.notifier.results import Results, give_up_begun
from services.notifier.tries import Tries
from services.notifier.turns import Turn, Turns
from shared.db import Pool
from shared.loops import repeat

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
"""Twice what a try may take, and used in its first half only; after it, what a dead worker held is sent again."""
IN_FLIGHT = 2048
REMEMBERED_SECONDS = 3600.0
"""What was learned of a receiver that is called no more is forgotten."""
POLL_SECONDS = 1.0
LAST_SENDS_SECONDS = 5.0


@dataclass
class Deliverer:
    """Sends what is due, in order per channel and alert; any number of replicas may run it."""

    pool: Pool
    tries: Tries
    results: Results
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

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self.pool)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; then what is being sent is finished and recorded."""
        finished = asyncio.Event()
        recording = asyncio.create_task(
            repeat("delivery results", self.record_some, stop=finished, seconds=POLL_SECONDS, wake=self.results.news)
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
        """A try of it, or None where it must not be sent any more, or nobody can say whether it may."""
        if not await self._turns.come(turn):
            return None
        return await self.tries.make(turn.claimed, receiver, turn.deadline)

    def _ended(self, claimed: Claimed, tried: Tried | None, receiver: Receiver) -> None:
        """Have a try recorded with others, and what was not sent given back."""
        if tried:
            self.results.add(tried, self._busy, quick=receiver.quick)
            return
        log.warning("lease not used", delivery_id=str(claimed.id))
        self._leave(claimed)
        self.give_back([claimed])

    def _leave(self, claimed: Claimed) -> None:
        self._busy -= 1
        self._receivers[claimed.target.channel_id].busy -= 1

    async def look_after(self) -> bool:
        """End what was begun by a process that is gone, give back what was not sent, forget old receivers."""
        if await give_up_begun(self.pool):
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

    async def record_some(self) -> bool:
        """Record the tries that have ended, and make room for others; whether more have ended meanwhile."""
        recorded = await self.results.record()
        for one in recorded.tried:
            self._leave(one.claimed)
        if recorded.tried:
            self.wake.set()
        recorded.tell()
        return bool(self.results.waiting)

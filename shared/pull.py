"""Batches from a durable pull consumer: pulled ahead, handled whole, acknowledged after the commit.

A hand-written loop on the broker's own client: FastStream's pull subscriber waits its full timeout to fill a batch and
drops messages whose handler raises (docs/decisions/0003).
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared import measures
from shared.connection import BROKEN
from shared.crash_points import crash_point
from shared.db import is_transient
from shared.streams import STREAM, Durable

log = structlog.get_logger()

BATCH = 500
PULL_SECONDS = 20
LOOK_SECONDS = 1.0
BUSY = 10
"""So many messages in a batch mean that more are on their way."""
GATHER_SECONDS = 0.005
ALONE_TRIES = 3
GONE = -1
"""The connection of what came over one that is no more."""
MAX_PAUSE = 5.0


@dataclass(frozen=True)
class Hold:
    """The connection over which messages came.

    Behind another one the broker may have forgotten them, and their numbers may be those of others by now: they are
    handled, and not acknowledged. If it has not forgotten them they come again, and have no effect.
    """

    client: Client
    connection: int

    @property
    def lasts(self) -> bool:
        """Whether it is still the same."""
        return self.client.is_connected and self.client.stats["reconnects"] == self.connection

    async def done(self, *messages: Msg) -> None:
        """Tell the broker that these have had their effect."""
        for message in messages:
            if self.lasts:
                await message.ack()

    async def at_work(self, *messages: Msg) -> None:
        """Tell the broker that these are being handled."""
        for message in messages:
            if self.lasts:
                await message.in_progress()

    async def give_back(self, *messages: Msg) -> None:
        """Let another replica have these at once."""
        for message in messages:
            if self.lasts:
                await message.nak()


@dataclass
class Inbox:
    """Messages that have arrived for this process; at most about one and a half batches."""

    client: Client
    durable: Durable
    batch: int = BATCH
    _arrived: list[Msg] = field(default_factory=list)
    _stale: int = 0
    """So many of them, the first, came over a connection that is gone."""
    _wanted: int = 0
    _pulled_at: float = 0.0
    _reconnects: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _missing: bool = False
    _taken: int = 0

    async def open(self) -> None:
        """Subscribe to the inbox that the server sends to."""
        self._address = self.client.new_inbox()
        self._subscription = await self.client.subscribe(self._address, cb=self._receive)

    async def take(self, stop: asyncio.Event) -> tuple[list[Msg], Hold]:
        """The next messages, at most `batch`; none when nothing came for a while or `stop` was set."""
        if self._wanted <= self.batch // 2:
            await self._pull()
        if not self._arrived:
            await self._wait(stop)
        if self._taken >= BUSY and 0 < len(self._arrived) < self.batch // 2:
            await asyncio.sleep(GATHER_SECONDS)  # a transaction costs the same for ten messages and for a hundred
        self._note_connection()
        size = min(self._stale, self.batch) or self.batch
        hold = Hold(self.client, GONE if self._stale else self._reconnects)
        taken, self._arrived = self._arrived[:size], self._arrived[size:]
        self._stale = max(self._stale - size, 0)
        self._taken = len(taken)
        return taken, hold

    async def close(self) -> None:
        """Give back what has not been started, so that another replica has it at once."""
        await self._subscription.unsubscribe()
        self._note_connection()
        await Hold(self.client, self._reconnects).give_back(*self._arrived[self._stale :])

    @property
    def consumer_missing(self) -> bool:
        """Whether the server said that there is no such consumer; asking resets it."""
        was, self._missing = self._missing, False
        return was

    async def _pull(self) -> None:
        request = {"batch": self.batch, "expires": PULL_SECONDS * 1_000_000_000}
        self._wanted += self.batch
        self._pulled_at = time.monotonic()
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self.durable.name}"
        await self.client.publish(subject, json.dumps(request).encode(), reply=self._address)

    async def _receive(self, message: Msg) -> None:
        self._note_connection()
        status = (message.headers or {}).get("Status")
        if status is None:
            self._arrived.append(message)
            self._wanted -= 1
        else:
            # Whatever ends one pull ends our trust in the count of all of them: the next take asks anew.
            self._wanted = 0
            description = (message.headers or {}).get("Description", "").lower()
            self._missing = status in {"404", "503"} or "deleted" in description
        self._news.set()

    async def _wait(self, stop: asyncio.Event) -> None:
        self._news.clear()
        waiting = {asyncio.create_task(self._news.wait()), asyncio.create_task(stop.wait())}
        done, pending = await asyncio.wait(waiting, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if not done:
            self._look_after_pulls()

    def _look_after_pulls(self) -> None:
        """Ask anew when the broker forgot the pulls."""
        self._note_connection()
        if time.monotonic() - self._pulled_at > PULL_SECONDS + 2:
            self._wanted = 0

    def _note_connection(self) -> None:
        """With a connection its pulls were lost, and what came over it is no more to be acknowledged."""
        reconnects = self.client.stats["reconnects"]
        if reconnects != self._reconnects:
            self._reconnects, self._wanted, self._stale = reconnects, 0, len(self._arrived)


@dataclass(frozen=True)
class Consumer:
    """What to do with the messages of a durable consumer."""

    durable: Durable
    handle: Callable[[list[Msg]], Awaitable[None]]
    """Has the effect of a batch, committed; raises when it has none of it."""
    set_aside: Callable[[Msg, Exception], Awaitable[None]]
    """Keeps a message that can't be handled, with why."""
    ensure: Callable[[], Awaitable[None]]
    """Creates the stream and the consumer where they are missing."""


async def consume(client: Client, consumer: Consumer, stop: asyncio.Event, batch: int = BATCH) -> None:
    """Handle batches until `stop`; nothing is acknowledged before its effect is committed."""
    measures.DEAD_LETTERS.labels(consumer.durable.name)  # none yet, which is a figure as well
    inbox = Inbox(client, consumer.durable, batch)
    await inbox.open()
    while not stop.is_set():
        try:
            messages, hold = await inbox.take(stop)
            if inbox.consumer_missing:
                await consumer.ensure()
                await _pause(stop, 0.5)
            await _handle_all(consumer, messages, hold, stop)
        except BROKEN as error:
            log.warning("cannot pull", consumer=consumer.durable.name, error=type(error).__name__)
            await _pause(stop, 0.5)
    await inbox.close()


async def _handle_all(consumer: Consumer, messages: list[Msg], hold: Hold, stop: asyncio.Event) -> None:
    if not messages:
        return
    if await _handled(consumer, messages, hold, stop):
        measures.HANDLED.labels(consumer.durable.name).inc(len(messages))
        crash_point("ack.before")
        await hold.done(*messages)
        crash_point("ack.after")
    elif not stop.is_set():
        await _bisect(consumer, messages, hold, stop)


async def _handled(consumer: Consumer, messages: list[Msg], hold: Hold, stop: asyncio.Event) -> bool:
    """Whether the batch took effect; waits out what is not the batch's fault."""
    pause = 0.1
    while not stop.is_set():
        try:
            await consumer.handle(messages)
        except Exception as error:  # noqa: BLE001  the next lines tell faults of the world from faults of the batch
            if not is_transient(error):
                log.warning("batch failed", consumer=consumer.durable.name, size=len(messages), error=repr(error))
                return False
            log.warning("batch waits", consumer=consumer.durable.name, error=type(error).__name__)
            await _pause(stop, pause)
            pause = min(pause * 2, MAX_PAUSE)
            await hold.at_work(*messages)
        else:
            return True
    return False


async def _bisect(consumer: Consumer, messages: list[Msg], hold: Hold, stop: asyncio.Event) -> None:
    """Find the message that fails, so that it stops nobody else."""
    if len(messages) == 1:
        await _try_alone(consumer, messages[0], hold, stop)
        return
    middle = len(messages) // 2
    for half in (messages[:middle], messages[middle:]):
        await _handle_all(consumer, half, hold, stop)


async def _try_alone(consumer: Consumer, message: Msg, hold: Hold, stop: asyncio.Event) -> None:
    error: Exception = RuntimeError("never tried")
    for attempt in range(ALONE_TRIES):
        try:
            await consumer.handle([message])
        except Exception as found:  # noqa: BLE001  judged below
            if is_transient(found):
                return  # not acknowledged: it comes again
            error = found
            await _pause(stop, 0.1 * 2**attempt)
        else:
            measures.HANDLED.labels(consumer.durable.name).inc()
            await hold.done(message)
            return
    try:
        await consumer.set_aside(message, error)
    except Exception as found:  # noqa: BLE001  judged here
        if is_transient(found):
            log.warning("cannot set aside", consumer=consumer.durable.name, error=type(found).__name__)
            return  # not acknowledged: it comes again, and is kept then
        # Not even its error can be kept: then at least what kind it was. Nothing of a message may end the process.
        await consumer.set_aside(message, RuntimeError(type(error).__name__))
    log.error("message set aside", consumer=consumer.durable.name, subject=message.subject, error=repr(error))
    measures.DEAD_LETTERS.labels(consumer.durable.name).inc()
    await hold.done(message)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return

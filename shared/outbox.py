"""The transactional outbox: what was committed is published, in commit order per aggregate, at least once.

The rows are the truth. One process at a time owns a share of the aggregates (a session advisory lock), publishes its
rows pipelined and marks them after the broker's acknowledgement. When the broker turns out to have lost its memory,
the rows it may have lost are published again; consumers count each `event_id` once.
"""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from opentelemetry.trace import SpanKind
from pydantic_core import from_json

from shared import db, measures
from shared.bus import jetstream
from shared.crash_points import crash_point
from shared.db import Connection
from shared.streams import STREAM, Durable, ensure
from shared.tracing import HEADER as TRACE_HEADER
from shared.tracing import job_of, traceparent, tracing

log = structlog.get_logger()

SHARES = 8
"""An outbox table has `share smallint GENERATED ALWAYS AS (uuid_hash(<aggregate>) & 7) STORED`: all rows of an
aggregate are published by one owner."""
BATCH = 1000
ACK_SECONDS = 8.0
POLL_SECONDS = 1.0
BROKER_CHECK_SECONDS = 5.0
OWNER_SILENCE = "15s"
"""How long a stopped owner keeps its shares: the server ends its idle session after this."""
KEEP_PUBLISHED = timedelta(minutes=30)


@dataclass(frozen=True)
class Pending:
    """A row that waits to be published."""

    id: int
    event_id: UUID
    subject: str
    payload: bytes


@dataclass(frozen=True)
class Broker:
    """What the broker remembered when we last looked."""

    stream_created: datetime
    last_seq: int
    ack_floor: int = 0
    """So far the reader had come."""


@dataclass(frozen=True)
class Told:
    """Where the broker acknowledged an event."""

    stream_seq: int
    event_id: UUID


@dataclass(frozen=True)
class OutboxTable:
    """The statements of one service's outbox; each runs on the owner's own connection."""

    name: str
    reader: Durable
    """Whom its events are for."""
    take: Callable[[Connection, Sequence[int], int], Awaitable[list[Pending]]]
    """At most so many unpublished rows of these shares, by id."""
    mark: Callable[[Connection, Sequence[int], Sequence[int]], Awaitable[None]]
    """Note that these rows are in the stream at these sequences, and how far the stream has come."""
    broker: Callable[[Connection], Awaitable[Broker | None]]
    """What `note_broker` noted last."""
    told: Callable[[Connection, Sequence[int]], Awaitable[list[Told]]]
    """The newest event of each of these shares that has been marked."""
    note_broker: Callable[[Connection, Broker, int], Awaitable[None]]
    """Remember the broker's state, and the floor up to which the reader has acknowledged."""
    rewind: Callable[[Connection, Broker, Sequence[Told]], Awaitable[int]]
    """Unpublish what the broker as we knew it may have lost; how many rows.

    Given the broker as it is, and what it has lost of `told`; remembers it in the same transaction.
    """
    tell_again: Callable[[Connection, int, int], Awaitable[int]]
    """Unpublish what was in the stream after the first and before the second sequence; how many rows."""
    tidy: Callable[[Connection, timedelta], Awaitable[None]] | None = None
    """Remove rows that the reader has acknowledged and that are older than this, where they have no other use."""


@dataclass
class Relay:
    """Publishes one outbox; any number of replicas may run it."""

    database_url: str
    client: Client
    table: OutboxTable
    replicas: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set after a commit, so that nothing waits for the next poll."""
    _known: int = -1
    """The connection, counted, on which the broker was looked at last: behind another one it may have forgotten."""

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`."""
        while not stop.is_set():
            try:
                await self._own_and_publish(stop)
            except (*db.AWAY, nats.errors.Error, nats.js.errors.Error) as error:
                log.warning("outbox waits", outbox=self.table.name, error=type(error).__name__, detail=str(error))
                await _wait(stop, 1.0)
            except Exception:
                log.exception("outbox failed", outbox=self.table.name)
                await _wait(stop, 5.0)

    async def _own_and_publish(self, stop: asyncio.Event) -> None:
        connection = await db.connect(
            self.database_url, f"{self.table.name}-outbox", idle_session_timeout=OWNER_SILENCE, **db.BY_INDEX
        )
        try:
            shares = _Shares(connection, self.table.name)
            checked = -BROKER_CHECK_SECONDS
            loop = asyncio.get_running_loop()
            while not stop.is_set():
                self.wake.clear()
                await shares.claim()
                if shares.owned and (loop.time() - checked >= BROKER_CHECK_SECONDS or self._known != self._connection):
                    self._known = self._connection
                    await self._check_broker(connection, shares.owned)
                    checked = loop.time()
                if not await self._publish_some(connection, shares.owned):
                    await _wait(stop, POLL_SECONDS, self.wake)
        finally:
            await _close(connection)

    async def _publish_some(self, connection: Connection, shares: Sequence[int]) -> bool:
        """Whether a full batch went out, so that more may wait."""
        begun = time.time()
        rows = await self.table.take(connection, shares, BATCH) if shares else []
        if not rows:
            return False
        crash_point("publish.before")
        acknowledged = await publish_all(self.client, rows)
        crash_point("publish.after")
        if self._known != self._connection:
            return True  # the broker is looked at first: what it took meanwhile would hide what it lost before
        if acknowledged:
            await self.table.mark(connection, list(acknowledged), list(acknowledged.values()))
            crash_point("mark.after")
            for row in rows:
                if row.id in acknowledged:
                    measures.PUBLISHED.labels(row.subject).inc()
                    if tracing.on:
                        tracing.part(
                            job_of(row.subject, row.payload),
                            f"publish {row.subject}",
                            begun,
                            SpanKind.PRODUCER,
                            event_id=str(row.event_id),
                        )
        if len(acknowledged) < len(rows):
            raise TimeoutError(f"{len(rows) - len(acknowledged)} events not acknowledged by the broker")
        return len(rows) == BATCH

    @property
    def _connection(self) -> int:
        return self.client.stats["reconnects"]

    async def _check_broker(self, connection: Connection, shares: Sequence[int]) -> None:
        """Notice that the broker lost its memory, or the last of it, or dropped what nobody had read; tell it again."""
        js = jetstream(self.client)
        # Asked first: what was noted before is never ahead of what the broker says after, unless it forgot.
        before = await self.table.broker(connection)
        told = await self.table.told(connection, shares)
        await ensure(js, self.replicas)
        info = await js.stream_info(STREAM)
        now, first_seq = Broker(_created(info.created), info.state.last_seq), info.state.first_seq
        lost = await _missing(js, first_seq, told)
        if before and (before.stream_created != now.stream_created or now.last_seq < before.last_seq or lost):
            rewound = await self.table.rewind(connection, now, lost)
            measures.BROKER_FORGOT.inc()
            log.error("the broker lost its memory, publishing again", outbox=self.table.name, events=rewound)
            return
        if before and before.ack_floor + 1 < first_seq:
            again = await self.table.tell_again(connection, before.ack_floor, first_seq)
            if again:
                log.error(
                    "the stream dropped what was not read, publishing again", outbox=self.table.name, events=again
                )
        floor = await _ack_floor(js, self.table.reader, now.last_seq)
        # What is no more in the stream has been told again, and need not be waited for under its old number.
        await self.table.note_broker(connection, now, max(floor, first_seq - 1))
        if self.table.tidy:
            await self.table.tidy(connection, KEEP_PUBLISHED)


async def _missing(js: JetStreamContext, first_seq: int, told: Sequence[Told]) -> list[Told]:
    """What is not where the broker acknowledged it, though it should be kept.

    When a broker lost its last messages, those that others have published since are in their places.
    """
    looked_for = [each for each in told if each.stream_seq >= first_seq]
    held = await asyncio.gather(*(_holds(js, each) for each in looked_for))
    return [each for each, there in zip(looked_for, held, strict=True) if not there]


async def _holds(js: JetStreamContext, told: Told) -> bool:
    try:
        message = await js.get_msg(STREAM, told.stream_seq)
    except nats.js.errors.NotFoundError:
        return False
    return (message.headers or {}).get("Nats-Msg-Id") == str(told.event_id)


async def publish_all(client: Client, rows: Sequence[Pending]) -> dict[int, int]:
    """Publish rows in order without waiting in between; row id to stream sequence of those acknowledged in time.

    Not by nats-py's own pipelined publishing, which makes a future, a token and two callbacks for each message
    (docs/performance.md).
    """
    inbox = client.new_inbox()
    acknowledged: dict[int, int] = {}
    unanswered = {row.id for row in rows}
    answered = asyncio.Event()

    async def on_answer(message: Msg) -> None:
        row = int(message.subject.rpartition(".")[2])
        sequence = _sequence(message.data)
        if sequence is not None:
            acknowledged[row] = sequence
        unanswered.discard(row)
        if not unanswered:
            answered.set()

    subscription = await client.subscribe(f"{inbox}.*", cb=on_answer)
    try:
        for row in rows:
            await client.publish(row.subject, row.payload, reply=f"{inbox}.{row.id}", headers=_headers(row))
        with suppress(TimeoutError):
            async with asyncio.timeout(ACK_SECONDS):
                await answered.wait()
    finally:
        await subscription.unsubscribe()
    return acknowledged


def _sequence(answer: bytes) -> int | None:
    """Where in the stream a message is now, or that it is not."""
    told = from_json(answer) if answer else {}  # empty when nobody listens to the subject
    return None if told.get("error") else told.get("seq")


def _headers(row: Pending) -> dict[str, str]:
    headers = {"Nats-Msg-Id": str(row.event_id), "Nats-Expected-Stream": STREAM}
    if tracing.on and (job := job_of(row.subject, row.payload)):
        headers[TRACE_HEADER] = traceparent(job)
    return headers


@dataclass
class _Shares:
    """The shares of an outbox that this process owns, for as long as its session lives."""

    connection: "asyncpg.Connection[asyncpg.Record]"
    table: str
    owned: list[int] = field(default_factory=list)

    async def claim(self) -> None:
        """Take what nobody owns."""
        if len(self.owned) == SHARES:
            return
        free = [share for share in range(SHARES) if share not in self.owned]
        rows = await self.connection.fetch(
            "SELECT share FROM unnest($2::int[]) AS share WHERE pg_try_advisory_lock($1, share)", self._key, free
        )
        self.owned.extend(row["share"] for row in rows)

    @property
    def _key(self) -> int:
        return zlib.crc32(f"keepwatch outbox {self.table}".encode()) - 2**31


async def _ack_floor(js: JetStreamContext, reader: Durable, last_seq: int) -> int:
    """How far the reader has come, in a stream that had come to `last_seq` before this is asked."""
    info = await js.consumer_info(STREAM, reader.name)
    # Its floor stands still while only messages for others come: with nothing left to do it is at the end.
    if not info.num_pending and not info.num_ack_pending:
        return last_seq
    return info.ack_floor.stream_seq if info.ack_floor else 0


def _created(value: datetime | str | None) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value))


async def _close(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    try:
        await connection.close(timeout=3)
    except db.AWAY:
        connection.terminate()


async def _wait(stop: asyncio.Event, seconds: float, wake: asyncio.Event | None = None) -> None:
    tasks = [asyncio.create_task(event.wait()) for event in (stop, wake) if event]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()

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
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from opentelemetry.trace import SpanKind
from pydantic_core import from_json

from shared import db, measures
from shared.bus import jetstream
from shared.crash_points import crash_point
from shared.db import Connection
from shared.streams import DURABLES, STREAM, ensure
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
    told_seq: int | None = None
    """Where it acknowledged the newest of this outbox's events, if it has any."""
    told_event: UUID | None = None


@dataclass(frozen=True)
class OutboxTable:
    """The statements of one service's outbox; each runs on the owner's own connection."""

    name: str
    take: Callable[[Connection, Sequence[int], int], Awaitable[list[Pending]]]
    """At most so many unpublished rows of these shares, by id."""
    mark: Callable[[Connection, Sequence[int], Sequence[int]], Awaitable[None]]
    """Note that these rows are in the stream at these sequences, and how far the stream has come."""
    broker: Callable[[Connection], Awaitable[Broker | None]]
    """What `note_broker` noted last."""
    note_broker: Callable[[Connection, Broker, int], Awaitable[None]]
    """Remember the broker's state, and the floor up to which every consumer has acknowledged."""
    rewind: Callable[[Connection, Broker], Awaitable[int]]
    """Unpublish what the broker as we knew it may have lost; how many rows.

    Given the broker as it is, with what it was told and has lost; remembers it in the same transaction.
    """
    tidy: Callable[[Connection, timedelta], Awaitable[None]] | None = None
    """Remove rows that every consumer has acknowledged and that are older than this, where they have no other use."""


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
                    await self._check_broker(connection)
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

    async def _check_broker(self, connection: Connection) -> None:
        """Notice that the broker lost its memory, or the last of it, and tell it again."""
        js = jetstream(self.client)
        # Asked first: what was noted before is never ahead of what the broker says after, unless it forgot.
        before = await self.table.broker(connection)
        await ensure(js, self.replicas)
        info = await js.stream_info(STREAM)
        now = Broker(_created(info.created), info.state.last_seq)
        if before and (
            before.stream_created != now.stream_created
            or now.last_seq < before.last_seq
            or not await _holds(js, info.state.first_seq, before)
        ):
            now = replace(now, told_seq=before.told_seq, told_event=before.told_event)
            rewound = await self.table.rewind(connection, now)
            measures.BROKER_FORGOT.inc()
            log.error("the broker lost its memory, publishing again", outbox=self.table.name, events=rewound)
        else:
            await self.table.note_broker(connection, now, await _ack_floor(js, now.last_seq))
            if self.table.tidy:
                await self.table.tidy(connection, KEEP_PUBLISHED)


async def _holds(js: JetStreamContext, first_seq: int, before: Broker) -> bool:
    """Whether what the broker was told last is still where it acknowledged it.

    When it lost its last messages, those that others have published since are in their places.
    """
    if before.told_seq is None or before.told_seq < first_seq:
        return True  # it was told nothing, or has kept that for as long as it should
    try:
        message = await js.get_msg(STREAM, before.told_seq)
    except nats.js.errors.NotFoundError:
        return False
    return (message.headers or {}).get("Nats-Msg-Id") == str(before.told_event)


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


async def _ack_floor(js: JetStreamContext, last_seq: int) -> int:
    """How far every consumer has come, in a stream that had come to `last_seq` before this is asked."""
    return min([_come_to(await js.consumer_info(STREAM, durable.name), last_seq) for durable in DURABLES])


def _come_to(info: ConsumerInfo, last_seq: int) -> int:
    # A consumer's floor stands still while only messages for others come: with nothing left to do it is at the end.
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

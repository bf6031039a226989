"""The real services around one key, on a real PostgreSQL and a real NATS: two replicas of each, and a look at all."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from uuid import UUID

import asyncpg
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from services.alerts import consumers as alerts
from services.alerts.answers import Answers
from services.alerts.outbox import ALERT_EVENTS
from services.notifier import consumers as notifier
from services.notifier import results, rules
from services.notifier.handlers import alerts_changed
from services.notifier.model import Arrived, Claimed, Delivered, Refused, Tried
from services.notifier.queries import deliveries
from shared import db, pull, streams
from shared.asks.alerts import Acknowledge, Resolve
from shared.clock import utc_now
from shared.events import HostDeleted, JobFinished, SourceGroupDeleted
from shared.outbox import Relay, _Shares
from shared.vocabulary import JobKind
from tests.model.expected import Alert, Deleted, Ended, Key
from tests.model.stage import Actor, SteppedConnection

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
REPLICAS = 2
EMPTIED = (
    *("alerts.alert_event", "alerts.alert", "alerts.mark", "alerts.inbox", "alerts.evidence", "alerts.tombstone"),
    *(
        "alerts.dead_letter",
        "alerts.told",
        "notifier.attempt",
        "notifier.delivery",
        "notifier.decision",
        "notifier.event",
    ),
    *("notifier.fan_out", "notifier.dead_letter"),
)
"""In an order that foreign keys allow; deleting a few rows is ten times faster than truncating."""
LEASE = timedelta(minutes=10)
"""Longer than an example takes: time passes when it is told to."""
RETRIES = (0.0,) * 1000
NEVER_DISABLED = timedelta(days=1000)


def moment(at: int) -> datetime:
    return START + timedelta(microseconds=at)


def ticks(at: datetime) -> int:
    return (at - START) // timedelta(microseconds=1)


@dataclass
class Publisher:
    """A replica's outbox relay: its own session, which holds its shares for as long as it lives."""

    url: str
    relay: Relay
    connection: asyncpg.Connection | None = None
    shares: _Shares | None = None

    async def open(self) -> None:
        if self.connection is None or self.connection.is_closed():
            self.connection = await asyncpg.connect(
                self.url, connection_class=SteppedConnection, server_settings=db.SERVER_SETTINGS
            )
            self.shares = _Shares(self.connection, ALERT_EVENTS.name)

    async def work(self, _: Actor) -> None:
        await self.shares.claim()
        self.relay._known = self.relay._connection  # the broker has been looked at: it does not forget here
        await self.relay._publish_some(self.connection, self.shares.owned)


@dataclass
class Queue:
    """Messages of a durable consumer, as many as one asks for: who drives knows how many there are."""

    client: Client
    durable: streams.Durable
    arrived: asyncio.Queue[Msg] = field(default_factory=asyncio.Queue)

    async def open(self) -> None:
        self.address = self.client.new_inbox()
        await self.client.subscribe(self.address, cb=self.arrived.put)

    async def take(self, count: int) -> list[Msg]:
        request = {"batch": count, "expires": 20_000_000_000}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{streams.STREAM}.{self.durable.name}"
        await self.client.publish(subject, json.dumps(request).encode(), reply=self.address)
        async with asyncio.timeout(20):
            return [await self.arrived.get() for _ in range(count)]


@dataclass
class Hands:
    """Takes deliveries as they are made, if it is willing, and holds them until somebody sends them."""

    willing: bool
    lease: timedelta = LEASE
    held: list[Claimed] = field(default_factory=list)
    unused: list[Claimed] = field(default_factory=list)

    def takes(self, wanted: Mapping[UUID, int]) -> list[UUID]:
        return list(wanted) if self.willing else []

    async def send(self, claimed: Sequence[Claimed], at: float) -> bool:
        self.held += claimed
        return True

    def give_back(self, claimed: Sequence[Claimed]) -> None:
        self.unused += claimed


@dataclass(frozen=True)
class Call:
    """The receiver was told of an alert's version, and said yes or no."""

    alert: UUID
    version: int
    taken: bool


@dataclass
class Seen:
    """Everything there is to see, read at one moment."""

    alerts: dict[Key, list[Alert]]
    ids: dict[Key, list[UUID]]
    versions: dict[UUID, list[int]]
    """By alert: its events' versions, in the order they were written; the alert's own version is how many there are."""
    payloads: dict[UUID, bytes]
    """By event."""
    unpublished: int
    marks: dict[Key, tuple[datetime, datetime]]
    did: dict[UUID, str]
    told: dict[UUID, list[int]]
    """By alert: the versions that became deliveries to the one channel."""
    undelivered: int
    """Deliveries that the receiver has not taken, as far as is recorded."""
    decided: dict[UUID, list[int]]
    dead_letters: int


@dataclass
class World:
    """Two replicas of alerts and notifier; nothing of it runs unless it is told to."""

    url: str
    client: Client
    pools: list[asyncpg.Pool]
    watch: asyncpg.Connection
    publishers: list[Publisher]
    evidence: Queue
    announced: Queue
    stream: list[Msg] = field(default_factory=list)
    """The alert events in the stream, as far as it has been read."""
    calls: list[Call] = field(default_factory=list)
    """What the receiver heard, in that order."""
    _read: int = 0

    async def forget(self) -> None:
        """Begin anew: nothing in the tables, nothing in the stream."""
        await self.watch.execute(";".join(f"DELETE FROM {table}" for table in EMPTIED))
        await self.watch.execute("UPDATE notifier.channel SET failing_since = NULL")
        await self.client.jetstream().purge_stream(streams.STREAM)
        self.stream.clear()
        self.calls.clear()
        self._read = (await self.client.jetstream().stream_info(streams.STREAM)).state.last_seq

    async def publish(self, event: Ended | Deleted, *, again: bool) -> None:
        """What jobs would announce; again: as a relay whose broker has forgotten the id."""
        told = _as_told(event)
        headers = None if again else {"Nats-Msg-Id": str(event.event_id)}
        await self.client.jetstream(timeout=8).publish(
            told.subject, told.model_dump_json().encode(), stream=streams.STREAM, headers=headers
        )

    def alerts_consumer(self, replica: int) -> pull.Consumer:
        return alerts.consumer(self.pools[replica], self.client, 1, _nobody_listens)

    @property
    def hold(self) -> pull.Hold:
        """The connection that messages come over; it lasts."""
        return pull.Hold(self.client, self.client.stats["reconnects"])

    def notifier_consumer(self, replica: int, hands: Hands) -> pull.Consumer:
        async def take_in(arrived: Sequence[Arrived]) -> None:
            await alerts_changed(self.pools[replica], arrived, timedelta(0), hands)

        return notifier.consumer(self.client, self.pools[replica], 1, take_in)

    async def deliver(
        self, replica: int, held: Sequence[Claimed], most: int, answers: Sequence[bool], made: list[Call]
    ) -> None:
        """Claim so many, call for them and those that are held, if they are still ours, and record the answers.

        The ledger's statements in the order in which the notifier has them, without its tasks and its HTTP; the calls
        that were `made` are there even if nothing after them is.
        """
        pool = self.pools[replica]
        claimed = [*held, *await deliveries.claim(pool, {}, most, most, LEASE)]
        ours = await deliveries.still_ours(pool, claimed)
        to_send = [one for one in claimed if (one.id, one.token) in ours]
        calls = len(self.calls)
        tried = [self._call(one, taken=taken) for one, taken in zip(to_send, cycle(answers), strict=False)]
        made += self.calls[calls:]
        if tried:
            await db.in_transaction(pool, lambda tx: results.record(tx, tried, NEVER_DISABLED))
        await deliveries.give_back(pool, [one for one in claimed if one not in to_send])

    def _call(self, claimed: Claimed, *, taken: bool) -> Tried:
        self.calls.append(Call(UUID(claimed.event["alert"]["id"]), claimed.event["version"], taken))
        outcome = Delivered(200, "") if taken else Refused(500, "the receiver answered 500", "")
        return Tried(claimed, outcome, utc_now(), 0, rules.after_try(outcome, claimed.tries + 1, RETRIES, 0))

    async def time_passes(self, replica: int) -> None:
        """Until the leases of all that is claimed now are over."""
        await self.pools[replica].execute(
            "UPDATE notifier.delivery SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL"
        )

    async def click(self, replica: int, what: str, alert: UUID, actor: str, note: str | None) -> int:
        """The answer's status."""
        answers = Answers(self.pools[replica], _nobody_listens)
        if what == "acknowledge":
            answer = await answers.acknowledge(Acknowledge(ids=[alert], actor=actor, note=note))
        else:
            answer = await answers.resolve(Resolve(ids=[alert], actor=actor, note=note))
        return answer.results[0].status

    async def read_stream(self) -> None:
        """Read on to the stream's end."""
        js = self.client.jetstream(timeout=8)
        end = (await js.stream_info(streams.STREAM)).state.last_seq
        for sequence in range(self._read + 1, end + 1):
            message = await js.get_msg(streams.STREAM, sequence)
            if message.subject.startswith("alert."):
                self.stream.append(message)
        self._read = end

    async def look(self) -> Seen:
        """What stands in the tables."""
        async with self.watch.transaction(isolation="repeatable_read"):
            alerts = await self.watch.fetch(ALERTS)
            events = await self.watch.fetch(EVENTS)
            marks = await self.watch.fetch("SELECT kind, dedup_key, raised_at, cleared_at FROM alerts.mark")
            did = await self.watch.fetch("SELECT job_id, outcome FROM alerts.evidence")
            told = await self.watch.fetch("SELECT alert_id, version FROM notifier.delivery ORDER BY id")
            decided = await self.watch.fetch("SELECT alert_id, version FROM notifier.decision ORDER BY version")
            undelivered = await self.watch.fetchval(UNDELIVERED)
            letters = await self.watch.fetchval(DEAD_LETTERS)
        timelines = _grouped(events, lambda row: (row["type"], row["actor"], row["note"]))
        seen: dict[Key, list[Alert]] = defaultdict(list)
        ids: dict[Key, list[UUID]] = defaultdict(list)
        for row in alerts:
            key = UUID(row["dedup_key"]), row["kind"]
            ids[key].append(row["id"])
            seen[key].append(_alert(row, timelines[row["id"]]))
        versions = _grouped(events, lambda row: row["version"])
        assert {row["id"]: row["version"] for row in alerts} == {id_: len(each) for id_, each in versions.items()}
        return Seen(
            alerts=dict(seen),
            ids=dict(ids),
            versions=versions,
            payloads={row["event_id"]: row["payload"].encode() for row in events},
            unpublished=sum(row["published_at"] is None for row in events),
            marks={(UUID(row["dedup_key"]), row["kind"]): (row["raised_at"], row["cleared_at"]) for row in marks},
            did={row["job_id"]: row["outcome"] for row in did},
            told=_grouped(told, lambda row: row["version"]),
            undelivered=undelivered,
            decided=_grouped(decided, lambda row: row["version"]),
            dead_letters=letters,
        )


ALERTS = """
    SELECT a.id, a.version, kind, dedup_key, severity, first_seen_at, last_seen_at, message, raised_job_id, occurrences,
           acked_by, a.note, resolution, resolved_by, resolved_job_id
    FROM alerts.alert AS a JOIN alerts.alert_event AS e ON e.alert_id = a.id AND e.version = 1
    ORDER BY e.id
"""
EVENTS = """
    SELECT event_id, alert_id, version, type, actor, note, payload, published_at FROM alerts.alert_event ORDER BY id
"""
UNDELIVERED = "SELECT count(*) FROM notifier.delivery WHERE state <> 'delivered'"
DEAD_LETTERS = "SELECT (SELECT count(*) FROM alerts.dead_letter) + (SELECT count(*) FROM notifier.dead_letter)"


def _alert(row: asyncpg.Record, timeline: list[tuple[str, str | None, str | None]]) -> Alert:
    return Alert(
        severity=row["severity"],
        first_seen=ticks(row["first_seen_at"]),
        last_seen=ticks(row["last_seen_at"]),
        message=row["message"],
        raised_by=row["raised_job_id"],
        occurrences=row["occurrences"],
        acked_by=row["acked_by"],
        note=row["note"],
        resolution=row["resolution"],
        resolved_by=row["resolved_by"] or row["resolved_job_id"],
        timeline=timeline,
    )


def _grouped(rows: Sequence[asyncpg.Record], value) -> dict[UUID, list]:
    groups: dict[UUID, list] = defaultdict(list)
    for row in rows:
        groups[row["alert_id"]].append(value(row))
    return dict(groups)


def _as_told(event: Ended | Deleted) -> JobFinished | SourceGroupDeleted | HostDeleted:
    about = {"event_id": event.event_id, "host_id": event.host, "host_name": "web-01"}
    if isinstance(event, Ended):
        return JobFinished(
            **about,
            job_id=event.event_id,
            kind=JobKind.BACKUP,
            source_group_id=event.group,
            source_group_name="mail",
            status=event.status,
            error_class=event.error_class,
            message=str(event.event_id),
            evidence_at=moment(event.at),
        )
    if event.group:
        return SourceGroupDeleted(
            **about, version=1, evidence_at=START, source_group_id=event.group, source_group_name="mail"
        )
    return HostDeleted(**about, version=1, evidence_at=START)


async def _nobody_listens() -> None:
    """A wake-up call that is lost, as any may be."""


@asynccontextmanager
async def open_world(url: str, nats_url: str) -> AsyncIterator[World]:
    """Everything connected, the stream and one channel made."""
    client = await nats.connect(nats_url)
    await streams.ensure(client.jetstream(timeout=8), 1)
    watch = await asyncpg.connect(url, server_settings=db.SERVER_SETTINGS)
    await watch.execute(
        """
        INSERT INTO notifier.channel (name, kind, config, secrets, events, filter, enabled)
        VALUES ('on call', 'webhook', '{}', '', '{raised,acked,resolved}', '{}', true)
        """
    )
    pools = [await _pool(url) for _ in range(REPLICAS)]
    publishers = [Publisher(url, Relay(url, client, ALERT_EVENTS, 1)) for _ in range(REPLICAS)]
    world = World(url, client, pools, watch, publishers, Queue(client, streams.ALERTS), Queue(client, streams.NOTIFIER))
    await world.evidence.open()
    await world.announced.open()
    try:
        yield world
    finally:
        for pool in pools:
            await pool.close()
        for publisher in publishers:
            with suppress(AttributeError):
                await publisher.connection.close()
        await watch.close()
        await client.close()


async def _pool(url: str) -> asyncpg.Pool:
    """As the services open theirs, with statements that can be stopped; two that wait for each other are told soon."""
    return await asyncpg.create_pool(
        url,
        min_size=2,
        max_size=4,
        connection_class=SteppedConnection,
        server_settings=db.SERVER_SETTINGS | {"deadlock_timeout": "20ms"},
        reset=db._keep_session,
    )

"""A broker that lost its last messages, as when the power fails: who published them notices, whatever comes after."""

import asyncio
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import asyncpg
import nats
import pytest

from cli.embedded import EmbeddedNats
from services.jobs.queries import outbox
from shared import streams
from shared.outbox import Relay

ALL = range(8)
LOW, HIGH, ONE = range(4), range(4, 8), range(1)


@dataclass
class Broker:
    """A server whose messages since `keep` can be lost."""

    server: EmbeddedNats
    clients: list[nats.NATS] = field(default_factory=list)

    async def connect(self) -> nats.NATS:
        client = await nats.connect(self.server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.2)
        self.clients.append(client)
        return client

    async def keep(self) -> None:
        """What the disk has."""
        await self._restart(["cp", "-a", self.server.folder / "jetstream", self.server.folder / "kept"])

    async def lose(self) -> None:
        """The power fails: only what was kept is there."""
        shutil.rmtree(self.server.folder / "gone", ignore_errors=True)
        await self._restart(
            ["mv", self.server.folder / "jetstream", self.server.folder / "gone"],
            ["mv", self.server.folder / "kept", self.server.folder / "jetstream"],
        )

    async def _restart(self, *commands) -> None:
        before = [client.stats["reconnects"] for client in self.clients]
        self.server._process.kill()
        self.server._process.wait()
        for command in commands:
            subprocess.run(command, check=True)
        await asyncio.to_thread(self.server.start)
        while not all(c.is_connected and c.stats["reconnects"] > n for c, n in zip(self.clients, before, strict=True)):
            await asyncio.sleep(0.02)

    async def holds(self, event: UUID) -> bool:
        js = self.clients[0].jetstream()
        last = (await js.stream_info(streams.STREAM)).state.last_seq
        messages = [await js.get_msg(streams.STREAM, sequence) for sequence in range(1, last + 1)]
        return str(event) in {message.headers["Nats-Msg-Id"] for message in messages}


@pytest.fixture
async def broker(tmp_path):
    with EmbeddedNats(tmp_path / "nats", durable=False) as server:
        found = Broker(server)
        await streams.ensure((await found.connect()).jetstream(), 1)
        yield found
        for client in found.clients:
            await client.close()


@dataclass
class Owner:
    """A relay of some shares, which waits before it marks or looks while that is not allowed."""

    relay: Relay
    may_mark: asyncio.Event
    may_look: asyncio.Event
    waits_to_mark: asyncio.Event

    async def has_looked(self) -> None:
        while self.relay._known != self.relay._connection:
            await asyncio.sleep(0.02)


@pytest.fixture
async def own(broker, database_url, pool):
    """Starts a relay for these shares, the others being somebody else's."""
    stop, tasks = asyncio.Event(), []

    async def start(shares) -> Owner:
        may_mark, may_look, waits_to_mark = asyncio.Event(), asyncio.Event(), asyncio.Event()
        may_mark.set()
        may_look.set()

        async def mark(owner, ids, sequences):
            if not may_mark.is_set():
                waits_to_mark.set()
            await may_mark.wait()
            await outbox.mark(owner, ids, sequences)

        async def look(owner):
            await may_look.wait()
            return await outbox.broker(owner)

        async def take(owner, owned, limit):
            return await outbox.take(owner, [share for share in owned if share in shares], limit)

        async def told(owner, owned):
            return await outbox.told(owner, [share for share in owned if share in shares])

        # A name of its own, so that both may lock all shares; of which each takes its own.
        table = replace(outbox.TABLE, name=f"jobs-{min(shares)}", mark=mark, take=take, broker=look, told=told)
        relay = Relay(database_url, await broker.connect(), table, 1)
        tasks.append(asyncio.create_task(relay.run(stop)))
        return Owner(relay, may_mark, may_look, waits_to_mark)

    yield start
    stop.set()
    await asyncio.gather(*tasks)


@pytest.fixture
def say(pool: asyncpg.Pool):
    """Commits an event of one of these shares; gives its id once it is marked, if that is waited for."""

    async def commit(shares=ALL, *, marked: bool = True) -> UUID:
        aggregate = await pool.fetchval(
            """
            SELECT id FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 500)) AS made
            WHERE uuid_hash(id) & 7 = ANY($1::int[]) LIMIT 1
            """,
            list(shares),
        )
        event = uuid4()
        await pool.execute(
            "INSERT INTO jobs.outbox (event_id, aggregate_id, subject, payload) VALUES ($1, $2, 'job.finished', '{}')",
            event,
            aggregate,
        )
        if marked:
            await until(lambda: is_marked(pool, event))
        return event

    return commit


async def is_marked(pool, event: UUID) -> bool:
    return await pool.fetchval("SELECT published_at IS NOT NULL FROM jobs.outbox WHERE event_id = $1", event)


async def others_publish(broker, number: int) -> None:
    js = broker.clients[0].jetstream()
    for each in range(number):
        await js.publish("alert.raised", b"{}", headers={"Nats-Msg-Id": f"another {each}"})


async def until(fact, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await fact():
            await asyncio.sleep(0.05)


async def test_what_others_have_published_past_is_told_again(broker, own, say):
    owner = await own(ALL)
    await say()
    await broker.keep()
    await owner.has_looked()
    lost = await say()
    owner.may_look.clear()  # it comes back late
    await broker.lose()
    await others_publish(broker, 3)
    assert not await broker.holds(lost)

    owner.may_look.set()

    await until(lambda: broker.holds(lost))


async def test_what_is_taken_over_a_new_connection_hides_nothing(broker, own, say):
    """Marked at once, it would be the newest that is told of, and in its place."""
    owner = await own(ALL)
    await say()
    await broker.keep()
    await owner.has_looked()
    lost, is_back = await say(ONE), asyncio.Event()

    async def take_then_lose(connection, shares, limit):
        rows = await outbox.take(connection, shares, limit)
        if rows:
            owner.relay.table = replace(owner.relay.table, take=outbox.TABLE.take)
            await broker.lose()
            await others_publish(broker, 3)
            assert not await broker.holds(lost)
            is_back.set()
        return rows

    owner.relay.table = replace(owner.relay.table, take=take_then_lose)
    await say(ONE, marked=False)
    await asyncio.wait_for(is_back.wait(), 30)

    await until(lambda: broker.holds(lost))


async def test_a_late_mark_is_not_hidden_by_newer_ones_of_another_owner(broker, own, say):
    low, high = await own(LOW), await own(HIGH)
    await say(LOW)
    await say(HIGH)
    await broker.keep()
    await low.has_looked()
    await high.has_looked()
    low.may_mark.clear()
    lost = await say(LOW, marked=False)
    await asyncio.wait_for(low.waits_to_mark.wait(), 20)

    await broker.lose()
    await high.has_looked()
    for _ in range(3):
        await say(HIGH)
    assert not await broker.holds(lost)
    low.may_mark.set()

    await until(lambda: broker.holds(lost))

"""The alerts service between a real JetStream and a real PostgreSQL: redelivery, a forgetful broker, poison."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import nats
import pytest

from cli.embedded import EmbeddedNats
from services.alerts import app
from shared.asks.alerts import Acknowledge, ListAlerts, TellOwnTrouble
from shared.asks.dead_letters import ListAlertsDeadLetters, ReplayAlertsDeadLetter
from shared.bus import ask
from shared.streams import STREAM, ensure

HOST = uuid4()


def failure(group: str, **changes) -> bytes:
    values = {
        "event_id": str(uuid4()), "job_id": str(uuid4()), "host_id": str(HOST), "host_name": "web-01",
        "kind": "backup", "source_group_id": group, "source_group_name": "etc", "status": "failed",
        "error_class": "locked", "evidence_at": "2026-03-01T02:00:00Z", "from_the_future": True,
    }  # fmt: skip
    return json.dumps(values | changes).encode()


@pytest.fixture
async def client(nats_url):
    connected = await nats.connect(nats_url)
    await ensure(connected.jetstream(), 1)
    yield connected
    await connected.close()


@pytest.fixture
def running(database_url, nats_url):
    """Runs copies of the service for as long as a block lasts."""

    @asynccontextmanager
    async def run(copies: int = 1):
        environ = {"KEEPWATCH_DATABASE_URL": database_url, "KEEPWATCH_NATS_URL": nats_url}
        tasks = [asyncio.create_task(app.run(environ, "127.0.0.1", None)) for _ in range(copies)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return run


async def until(fact, seconds: float = 15):
    """Wait for a fact, and give it."""
    async with asyncio.timeout(seconds):
        while not (found := await fact()):
            await asyncio.sleep(0.02)  # between two looks, not instead of one
        return found


async def told(client) -> list[dict]:
    """Every alert event in the stream, in order."""
    js = client.jetstream()
    info = await js.stream_info(STREAM)
    found = []
    for sequence in range(max(info.state.first_seq, 1), info.state.last_seq + 1):
        message = await js.get_msg(STREAM, sequence)
        if message.subject.startswith("alert."):
            found.append({"subject": message.subject, **json.loads(message.data)})
    return found


async def test_evidence_becomes_one_announcement(running, client):
    group = str(uuid4())
    async with running():
        for _ in range(3):
            await client.jetstream().publish("job.finished", failure(group))
        await client.jetstream().publish(
            "job.finished", failure(group, status="succeeded", evidence_at="2026-03-02T00:00:00Z")
        )

        async def both():
            events = await told(client)
            return events if len(events) == 2 else None

        events = await until(both)
    assert [event["subject"] for event in events] == ["alert.raised", "alert.resolved"]
    assert [event["version"] for event in events] == [1, 2]
    assert events[1]["alert"]["occurrences"] == 3


async def test_three_copies_and_a_full_redelivery_count_equal(running, client, pool):
    group = str(uuid4())
    js = client.jetstream()
    async with running(copies=3):
        for _ in range(200):
            await js.publish_async("job.finished", failure(group))

        async def counted():
            return await pool.fetchval("SELECT occurrences = 200 FROM alerts.alert")

        await until(counted)
        await js.delete_consumer(STREAM, "alerts")  # comes back by itself, and starts from the first message

        async def caught_up():
            try:
                info = await js.consumer_info(STREAM, "alerts")
            except nats.js.errors.NotFoundError:
                return None
            return info.num_pending == 0 and info.num_ack_pending == 0 and info.delivered.consumer_seq >= 200

        await until(caught_up, 40)
    assert await pool.fetchval("SELECT occurrences FROM alerts.alert") == 200
    assert [event["subject"] for event in await told(client)] == ["alert.raised"]


async def test_a_broker_that_lost_its_memory_is_told_again(running, client):
    async with running():
        await client.jetstream().publish("job.finished", failure(str(uuid4())))
        (first,) = await until(lambda: told(client))
        await client.jetstream().delete_stream(STREAM)

        async def again():
            try:
                return await told(client)
            except nats.js.errors.NotFoundError:
                return None

        (second,) = await until(again, 30)
    assert second == first


async def test_what_comes_after_a_restart_of_the_broker_is_not_kept_waiting(database_url, tmp_path, pool):
    """The pulls of before the restart are gone with it; once it took 22 seconds to see that."""
    folder = tmp_path / "restarted"

    async def raised():
        return await pool.fetchval("SELECT count(*) FROM alerts.alert")

    async def publish(url: str) -> None:
        connected = await nats.connect(url)
        await ensure(connected.jetstream(), 1)
        await connected.jetstream().publish("job.finished", failure(str(uuid4())))
        await connected.close()

    with EmbeddedNats(folder, durable=False) as server:
        environ = {"KEEPWATCH_DATABASE_URL": database_url, "KEEPWATCH_NATS_URL": server.url}
        service = asyncio.create_task(app.run(environ, "127.0.0.1", None))
        await publish(server.url)
        await until(raised)
        server._process.kill()  # one that ends in order tells its clients that their pulls are over
        server._process.wait()
    with EmbeddedNats(folder, durable=False) as server:
        await publish(server.url)

        async def both():
            return await raised() == 2

        await until(both, 12)
        service.cancel()
        await asyncio.gather(service, return_exceptions=True)


async def test_poison_is_set_aside_and_stops_nobody(running, client, pool):
    good = [str(uuid4()) for _ in range(3)]
    js = client.jetstream()
    for data in (
        failure(good[0]),
        b"{not json",
        failure(good[1]),
        failure(good[2], status="exploded"),
        failure(good[2], host_labels={"\0": 1}),
        failure(good[2]),
    ):
        await js.publish("job.finished", data)
    async with running():

        async def all_raised():
            return await pool.fetchval("SELECT count(*) = 3 FROM alerts.alert WHERE kind = 'backup_failed'")

        async def all_aside():
            rows = await pool.fetch("SELECT payload, error FROM alerts.dead_letter ORDER BY stream_seq")
            return rows if len(rows) == 3 else None

        await until(all_raised)
        letters = await until(all_aside)

        async def told_of():
            return [event for event in await told(client) if event["alert"]["kind"] == "dead_letter"]

        (event,) = await until(told_of)
    assert letters[0]["payload"] == b"{not json"
    assert "exploded" in letters[1]["error"]
    assert "host_labels" in letters[2]["error"], "what no text column takes is written in words"
    assert (event["subject"], event["alert"]["host_name"]) == ("alert.raised", "keepwatch")


async def test_a_click_is_answered_and_announced(running, client):
    async with running():
        await client.jetstream().publish("job.finished", failure(str(uuid4())))
        await until(lambda: told(client))
        page = await ask(client, ListAlerts(states=["open"]))
        answer = await ask(client, Acknowledge(ids=[page.items[0].id], actor="ada", note="mine"))
        assert [result.status for result in answer.results] == [204]

        async def acked():
            events = await told(client)
            return events if len(events) == 2 else None

        events = await until(acked)
    assert (events[1]["subject"], events[1]["actor"], events[1]["note"]) == ("alert.acked", "ada", "mine")


async def test_what_the_notifier_tells_of_itself_is_announced_once_and_ended(running, client):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    known = {"kind": "channel_disabled", "dedup_key": "c1", "name": "ops", "message": "410"}
    wrong = TellOwnTrouble(**known, event_id=uuid4(), over=False, at=at)
    over = TellOwnTrouble(**known, event_id=uuid4(), over=True, at=at + timedelta(hours=1))
    async with running(copies=2):
        await until(lambda: _taken(client, wrong))
        for told_again in (wrong, over, over):
            assert await ask(client, told_again) is None

        async def both():
            events = await told(client)
            return events if len(events) == 2 else None

        events = await until(both)
    assert [(event["subject"], event["alert"]["occurrences"]) for event in events] == [
        ("alert.raised", 1),
        ("alert.resolved", 1),
    ]


async def _taken(client, question) -> bool:
    return await ask(client, question) is None


async def test_a_dead_letter_is_replayed_once_by_whoever_is_asked(running, client, pool):
    """The two who ask at the same time are served one after the other: the second finds it gone."""
    await pool.execute(
        "INSERT INTO alerts.dead_letter (subject, stream_seq, payload, error) VALUES ('job.finished', 1, $1, 'x')",
        failure(str(uuid4())),
    )
    async with running(copies=2):

        async def listed():
            answer = await ask(client, ListAlertsDeadLetters(most=10))
            return answer if isinstance(answer, list) else None

        (letter,) = await until(listed)
        replay = ReplayAlertsDeadLetter(id=letter.id)
        answers = await asyncio.gather(ask(client, replay), ask(client, replay))
        (event,) = await until(lambda: told(client))
    assert sorted(getattr(answer, "status", 200) for answer in answers) == [200, 404]
    assert event["alert"]["occurrences"] == 1

"""What jobs has committed reaches the stream: in order, once if it can be, and again when the broker forgot."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from shared import streams
from shared.asks.hosts import DeleteHost, RenewHostToken
from shared.asks.jobs import JobReport, ReportJobs
from shared.bus import jetstream
from tests.settled import settle


@pytest.fixture
def stored(stream):
    """All that the stream holds, once it holds this many messages."""

    async def read(number):
        js = jetstream(stream)
        for _ in range(400):
            state = (await js.stream_info(streams.STREAM)).state
            if state.messages >= number:
                messages = [await js.get_msg(streams.STREAM, seq) for seq in range(1, state.last_seq + 1)]
                return [(message.headers["Nats-Msg-Id"], json.loads(message.data)) for message in messages]
            await asyncio.sleep(0.05)
        raise AssertionError(state)

    return read


def reports(number):
    return [
        JobReport(host=f"host-{index % 3}", kind="backup", source_group="mail", status="failed", message=str(index))
        for index in range(number)
    ]


async def test_events_of_a_host_are_published_in_the_order_of_their_commits(gateway, stored):
    for _ in range(3):
        await gateway.ask(ReportJobs(reports=reports(99), create=True))

    published = await stored(297)

    assert all(message_id == body["event_id"] for message_id, body in published)
    for host in ("host-0", "host-1", "host-2"):
        times = [body["evidence_at"] for _, body in published if body["host_name"] == host]
        assert len(times) == 99
        assert times == sorted(times)


async def test_what_is_published_names_the_stream_that_it_is_for(gateway, stored, stream):
    """A broker that would keep it in another one refuses it."""
    await gateway.ask(ReportJobs(reports=reports(1), create=True))
    await stored(1)

    message = await jetstream(stream).get_msg(streams.STREAM, 1)
    assert message.headers["Nats-Expected-Stream"] == streams.STREAM


async def test_what_is_published_is_marked_with_its_place_in_the_stream(gateway, stored, pool):
    await gateway.ask(ReportJobs(reports=reports(10), create=True))
    await stored(10)

    await until(pool, "SELECT count(*) = 10 FROM jobs.outbox WHERE published_at IS NOT NULL")

    rows = await pool.fetch("SELECT stream_seq FROM jobs.outbox ORDER BY id")
    assert sorted(row["stream_seq"] for row in rows) == list(range(1, 11))


async def test_what_the_broker_refuses_is_not_taken_for_published(gateway, stored, stream):
    js = jetstream(stream)
    await gateway.ask(ReportJobs(reports=reports(1), create=True))
    await stored(1)
    config = (await js.stream_info(streams.STREAM)).config
    await js.update_stream(config.evolve(max_msgs=1))  # it is full

    with capture_logs() as lines:
        await gateway.ask(ReportJobs(reports=reports(10), create=True))
        while not any(line["event"] == "outbox waits" for line in lines):
            await asyncio.sleep(0.05)
    await js.update_stream(config)

    assert [body["message"] for _, body in await stored(11)] == ["0", *map(str, range(10))]


async def test_a_broker_that_lost_everything_is_told_again(gateway, stored, stream):
    await gateway.ask(ReportJobs(reports=reports(10), create=True))
    before = await stored(10)

    await jetstream(stream).delete_stream(streams.STREAM)
    await until_stream_exists(stream)

    assert {message_id for message_id, _ in await stored(10)} == {message_id for message_id, _ in before}


async def test_a_broker_that_lost_its_last_messages_is_told_them_again(gateway, stored, pool):
    await gateway.ask(ReportJobs(reports=reports(10), create=True))
    await stored(10)
    await until(pool, "SELECT count(*) = 10 FROM jobs.outbox WHERE published_at IS NOT NULL")

    # As if the stream had been 100 messages longer, and the last of ours behind what it still knows.
    await pool.execute("UPDATE jobs.outbox SET stream_seq = stream_seq + 100 WHERE id > 7")
    await pool.execute("UPDATE jobs.outbox_broker SET last_seq = last_seq + 100")

    await until(pool, "SELECT max(stream_seq) <= 13 AND count(*) = count(published_at) FROM jobs.outbox")


async def test_what_the_stream_dropped_before_anybody_read_it_is_told_again(gateway, stored, stream, pool):
    """As when alerts is away for longer than the stream keeps what it has."""
    await gateway.ask(ReportJobs(reports=reports(10), create=True))
    before = await stored(10)
    await until(pool, "SELECT count(*) = 10 FROM jobs.outbox WHERE published_at IS NOT NULL")
    js = jetstream(stream)
    config = (await js.stream_info(streams.STREAM)).config
    await js.update_stream(config.evolve(duplicate_window=0.1))  # seven days later it is long over

    await js.purge_stream(streams.STREAM)

    await until(pool, "SELECT min(stream_seq) = 11 FROM jobs.outbox")
    again = [await js.get_msg(streams.STREAM, sequence) for sequence in range(11, 21)]
    assert [message.headers["Nats-Msg-Id"] for message in again] == [message_id for message_id, _ in before]


async def test_a_renewed_token_and_a_deleted_host_cut_the_agent_off(gateway, stream):
    host = await gateway.host()
    heard = await stream.subscribe(f"agent.takeover.{host.id}")
    await settle(stream)

    await gateway.ask(RenewHostToken(id=host.id))
    await gateway.ask(DeleteHost(id=host.id))

    for _ in range(2):
        message = await heard.next_msg(timeout=5)
        assert json.loads(message.data) == {"connection_id": None}


async def test_hosts_heard_through_a_gateway_are_online(gateway, pool):
    host = await gateway.host()
    await gateway.hello(host.id)
    await pool.execute("UPDATE jobs.host SET last_seen_at = now() - interval '1 hour', offline_announced_at = now()")

    await gateway.alive(host.id)

    await until(pool, "SELECT count(*) = 1 FROM jobs.outbox WHERE subject = 'host.online'")


async def until(pool, question):
    """Wait until the database says yes."""
    for _ in range(400):
        if await pool.fetchval(question):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(question)


async def until_stream_exists(client):
    for _ in range(400):
        names = [info.config.name for info in await jetstream(client).streams_info()]
        if streams.STREAM in names:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the stream was not made again")


async def test_what_all_have_acknowledged_goes_although_one_consumer_never_got_anything(gateway, stored, stream, pool):
    """The notifier hears of alerts alone: while all is well its own floor stands still."""
    await gateway.ask(ReportJobs(reports=reports(10), create=True))
    await stored(10)
    consumer = await jetstream(stream).pull_subscribe_bind(streams.ALERTS.name, streams.STREAM)
    for message in await consumer.fetch(10, timeout=10):
        await message.ack_sync()
    await until(pool, "SELECT count(*) = 10 FROM jobs.outbox WHERE published_at IS NOT NULL")
    await pool.execute("UPDATE jobs.outbox SET published_at = published_at - interval '1 hour'")

    await until(pool, "SELECT count(*) = 0 FROM jobs.outbox")

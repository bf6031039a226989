"""The loop that pulls from a durable consumer, when its database comes and goes."""

import asyncio
import shutil

import asyncpg
import nats
import pytest

from cli.embedded import EmbeddedNats
from shared.pull import Consumer, consume
from shared.streams import ALERTS, STREAM, consumer_config, ensure


@pytest.mark.parametrize(
    "trouble",
    [asyncpg.ConnectionDoesNotExistError("gone"), asyncpg.CharacterNotInRepertoireError("its error is poison")],
)
async def test_poison_that_cannot_be_kept_as_it_is_or_right_now_is_kept_all_the_same_and_ends_nobody(nats_url, trouble):
    """A database that went away at that very moment once ended the whole process; so did an error with a NUL in it."""
    client = await nats.connect(nats_url)
    js = client.jetstream()
    await ensure(js, 1)
    await js.add_consumer(STREAM, consumer_config(ALERTS).evolve(ack_wait=1))
    kept, asked, stop = [], 0, asyncio.Event()

    async def handle(_):
        raise ValueError("poison")

    async def set_aside(message, _):
        nonlocal asked
        asked += 1
        if asked == 1:
            raise trouble
        kept.append(message.data)
        stop.set()

    await js.publish("job.finished", b"x")
    await asyncio.wait_for(consume(client, Consumer(ALERTS, handle, set_aside, _nothing), stop), 20)

    assert kept == [b"x"]
    await client.close()


async def test_what_a_copy_that_ends_had_begun_goes_to_another_one(nats_url):
    client = await nats.connect(nats_url)
    js = client.jetstream()
    await ensure(js, 1)
    await js.add_consumer(STREAM, consumer_config(ALERTS).evolve(ack_wait=1))
    handled, first_ends, second_ends = [], asyncio.Event(), asyncio.Event()

    async def never_commit(_):
        first_ends.set()
        raise asyncpg.ConnectionDoesNotExistError("gone")

    async def commit(messages):
        handled.extend(message.data for message in messages)
        second_ends.set()

    async def set_aside(*_):
        raise AssertionError("it is no poison")

    await js.publish("job.finished", b"x")
    await asyncio.wait_for(consume(client, Consumer(ALERTS, never_commit, set_aside, _nothing), first_ends), 20)
    await asyncio.wait_for(consume(client, Consumer(ALERTS, commit, set_aside, _nothing), second_ends), 20)

    assert handled == [b"x"]
    await client.close()


async def _nothing() -> None:
    return None


async def test_what_came_before_the_broker_forgot_acknowledges_nothing_after(tmp_path):
    """The number of a message that is gone is that of another one now, which a third may have in hand."""
    with EmbeddedNats(tmp_path / "nats", durable=False) as server:
        options = {"max_reconnect_attempts": -1, "reconnect_time_wait": 0.2}
        slow, other = await nats.connect(server.url, **options), await nats.connect(server.url, **options)
        await ensure(slow.jetstream(), 1)
        begun, go_on, stop, got = asyncio.Event(), asyncio.Event(), asyncio.Event(), []

        async def handle(messages):
            got.extend(message.data for message in messages)
            begun.set()
            await go_on.wait()

        await slow.jetstream().publish("job.finished", b"old")
        at_work = asyncio.create_task(consume(slow, Consumer(ALERTS, handle, _nothing, _nothing), stop))
        await asyncio.wait_for(begun.wait(), 20)

        await asyncio.to_thread(server.stop)
        shutil.rmtree(server.folder / "jetstream")
        await asyncio.to_thread(server.start)
        while not (slow.stats["reconnects"] and other.stats["reconnects"] and slow.is_connected):
            await asyncio.sleep(0.05)
        js = other.jetstream()
        await ensure(js, 1)
        await js.publish("job.finished", b"new")
        (held,) = await (await js.pull_subscribe_bind(ALERTS.name, STREAM)).fetch(1, timeout=20)

        stop.set()
        go_on.set()
        await at_work
        await slow.flush()

        assert (held.data, got) == (b"new", [b"old"])
        info = await js.consumer_info(STREAM, ALERTS.name)
        assert (info.num_ack_pending, info.ack_floor.stream_seq) == (1, 0)
        await slow.close()
        await other.close()

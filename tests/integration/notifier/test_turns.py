"""What may happen between a claim and the sending of what was claimed."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest

from services.notifier import handlers
from services.notifier.queries.deliveries import claim
from services.notifier.receivers import PER_CHANNEL
from services.notifier.turns import FRESH_SECONDS, Turns
from shared.clock import utc_now

SOON = timedelta(minutes=1)
LATER = float("inf")
LONG_AGO = -LATER


class Line:
    """The way to the database: counts the questions, and may be cut."""

    def __init__(self, pool):
        self.pool, self.questions, self.cut = pool, 0, False

    async def fetch(self, *asked):
        self.questions += 1
        if self.cut:
            raise ConnectionResetError
        return await self.pool.fetch(*asked)


@pytest.fixture
async def line(notifier):
    await notifier.channel()
    return Line(notifier.pool)


@asynccontextmanager
async def slow(pool, table):
    """A table that nobody can read until the end; a connection that can, and how many wait."""
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute(f"LOCK TABLE notifier.{table}")

        async def waits():
            async with asyncio.timeout(10):
                while not await holder.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.01)

        yield holder, waits


async def claimed(notifier, count=1):
    await notifier.tell(*(notifier.event("raised", 1, uuid4()) for _ in range(count)))
    return await claim(notifier.pool, {}, count, count, SOON)


async def test_what_has_just_been_claimed_is_not_asked_about(notifier, line):
    turns = Turns(line)
    [just] = await claimed(notifier)

    assert await turns.come(turns.wait(just, LATER, time.monotonic()))
    assert line.questions == 0


async def test_what_was_claimed_a_while_ago_is_asked_about(notifier, line):
    turns = Turns(line)
    [one] = await claimed(notifier)
    at = time.monotonic()
    await notifier.pool.execute("UPDATE notifier.delivery SET token = token + 1")
    await asyncio.sleep(FRESH_SECONDS)

    assert not await turns.come(turns.wait(one, LATER, at))
    assert line.questions == 1


async def test_a_claim_that_took_long_is_asked_about(notifier, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    worker = notifier.new_worker()
    worker.pool = Line(notifier.pool)
    async with slow(notifier.pool, "channel") as (_, waits):
        claiming = asyncio.create_task(worker.send_some())
        await waits()
        await asyncio.sleep(FRESH_SECONDS)
    await claiming
    await asyncio.wait(worker._sending)

    assert (len(receiver.calls), worker.pool.questions) == (1, 2)


async def test_one_question_answers_for_all_that_wait(notifier, line):
    turns = Turns(line)
    waiting = [turns.wait(one, LATER, LONG_AGO) for one in await claimed(notifier, 40)]

    async with slow(notifier.pool, "channel") as (_, waits):
        coming = [asyncio.create_task(turns.come(turn)) for turn in waiting]
        await waits()
        await asyncio.sleep(FRESH_SECONDS * 2)

    assert await asyncio.gather(*coming) == [True] * 40
    assert line.questions == 1


async def test_what_is_claimed_while_the_ledger_is_asked_is_asked_about_itself(notifier, line):
    turns = Turns(line)
    [first], [second] = await claimed(notifier), await claimed(notifier)
    turn = turns.wait(first, LATER, LONG_AGO)

    async with slow(notifier.pool, "channel") as (holder, waits):
        one = asyncio.create_task(turns.come(turn))
        await waits()
        other = asyncio.create_task(turns.come(turns.wait(second, LATER, LONG_AGO)))
        await asyncio.sleep(0)
        await holder.execute("UPDATE notifier.delivery SET token = token + 1 WHERE id = $1", second.id)

    assert (await one, await other) == (True, False)


async def test_nothing_is_sent_on_a_question_without_an_answer(notifier, line):
    turns = Turns(line)
    first, second = [turns.wait(one, LATER, LONG_AGO) for one in await claimed(notifier, 2)]
    line.cut = True
    unanswered = await turns.come(first)
    line.cut = False

    assert (unanswered, await turns.come(second)) == (False, True)


async def test_nothing_is_sent_on_an_old_answer(notifier, line):
    turns = Turns(line)
    first, second = [turns.wait(one, LATER, LONG_AGO) for one in await claimed(notifier, 2)]
    assert await turns.come(first)
    await notifier.pool.execute("UPDATE notifier.channel SET enabled = false")
    await asyncio.sleep(FRESH_SECONDS)

    assert not await turns.come(second)


async def test_what_was_not_sent_need_not_wait_for_its_lease(notifier, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    late = notifier.new_worker(lease=timedelta(microseconds=1))
    await late.send_some()
    await asyncio.wait(late._sending)
    await notifier.pool.execute("UPDATE notifier.delivery SET lease_until = now() + interval '1 h'")

    await late.look_after()
    await notifier.send()

    assert (len(receiver.calls), (await notifier.only_delivery()).state) == (1, "delivered")


async def held_back(notifier, channel, count=1):
    """A worker that has claimed deliveries and can't send them yet, and what lets them go, one after the other."""
    worker = notifier.new_worker()
    receiver = worker._receivers[channel.id]
    receiver.calling = PER_CHANNEL
    await notifier.tell(*(notifier.event("raised", 1, uuid4()) for _ in range(count)))
    await worker.send_some()
    await asyncio.sleep(FRESH_SECONDS)
    return worker, lambda: worker._call(receiver)


async def test_what_breaks_on_its_turn_keeps_nobody_waiting(notifier, receive):
    receiver = await receive()
    worker, let_go = await held_back(notifier, await notifier.channel(receiver.url), 3)
    times = iter([None, utc_now(), utc_now()])
    worker.tries.clock = lambda: next(times).replace()  # the first of them cannot tell the time
    let_go()
    await asyncio.wait(worker._sending)
    await worker.record_some()

    assert (len(receiver.calls), worker._busy) == (2, 0)
    await notifier.time_passes()
    await notifier.send()
    assert [one.state for one in await notifier.deliveries()] == ["delivered"] * 3
    assert len(receiver.calls) == 3


async def test_what_the_same_process_claimed_anew_is_sent_as_that(notifier, receive):
    receiver = await receive()
    worker, let_go = await held_back(notifier, await notifier.channel(receiver.url))
    await notifier.time_passes()
    await worker.send_some()

    let_go()
    await asyncio.wait(worker._sending)
    await worker.record_some()

    assert ((await notifier.only_delivery()).state, len(receiver.calls)) == ("delivered", 1)


async def test_a_channel_that_was_led_elsewhere_is_not_called_at_its_old_address(notifier, receive):
    old, new = await receive(), await receive()
    channel = await notifier.channel(old.url)
    worker, let_go = await held_back(notifier, channel)

    await notifier.change(channel, config={"url": new.url})
    let_go()
    await asyncio.wait(worker._sending)
    await worker.look_after()
    await notifier.send()

    assert (len(old.calls), len(new.calls)) == (0, 1)


async def test_at_most_once_counts_from_when_it_is_switched_on(notifier, receive):
    receiver = await receive()
    channel = await notifier.channel(receiver.url)
    worker, let_go = await held_back(notifier, channel)
    await notifier.change(channel, at_most_once=True)
    let_go()
    await asyncio.wait(worker._sending)

    await worker.look_after()
    successor = notifier.new_worker()
    await successor.send_some()
    await asyncio.wait(successor._sending)  # taken, and then the process is gone
    await notifier.time_passes()
    await notifier.worker.look_after()
    await notifier.send()

    assert (len(receiver.calls), (await notifier.only_delivery()).state) == (1, "dead")


async def test_what_ends_while_others_are_recorded_is_recorded_next(notifier, receive):
    await notifier.channel((await receive()).url)
    await notifier.tell(notifier.event("raised", 1, uuid4()))
    await notifier.worker.send_some()
    await asyncio.wait(notifier.worker._sending)

    async with slow(notifier.pool, "attempt") as (_, waits):
        recording = asyncio.create_task(notifier.worker.record_some())
        await waits()
        await notifier.tell(notifier.event("raised", 1, uuid4()))
        await notifier.worker.send_some()
        await asyncio.wait(notifier.worker._sending)

    assert (await recording, await notifier.worker.record_some()) == (True, False)


async def test_a_record_whose_commit_was_not_answered_counts_once(notifier, receive):
    await notifier.channel("http://127.0.0.1:9/hook")
    await notifier.tell(notifier.event("raised"))
    await notifier.worker.send_some()
    await asyncio.wait(notifier.worker._sending)
    tried = list(notifier.worker.results.waiting)
    await notifier.worker.record_some()
    before = await notifier.pool.fetchrow("SELECT tries, next_attempt_at FROM notifier.delivery")

    notifier.worker.results.waiting.extend(tried)
    await notifier.worker.record_some()

    assert await notifier.pool.fetchrow("SELECT tries, next_attempt_at FROM notifier.delivery") == before


async def test_what_cannot_be_told_of_takes_up_no_place(notifier, receive):
    await notifier.channel((await receive()).url)
    body = json.loads(notifier.event("raised", 1, uuid4()).payload) | {"at": 1_700_000_000}
    odd = handlers.decode("raised", json.dumps(body))
    await notifier.tell(odd, *(notifier.event("raised", 1, uuid4()) for _ in range(5)))

    await notifier.send()

    assert notifier.worker._busy == 0
    assert {one.state for one in await notifier.deliveries()} == {"delivered"}

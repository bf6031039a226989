"""Deliveries that are leased as they are made, so that nobody need look for them first."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from services.notifier import handlers
from services.notifier.deliveries import IN_FLIGHT
from services.notifier.queries import deliveries as queries
from services.notifier.receivers import PER_CHANNEL, PER_UNREACHABLE_CHANNEL

NOW = timedelta(0)
LEASES = "SELECT token, lease_until IS NOT NULL FROM notifier.delivery ORDER BY id"


@pytest.fixture
def tell(notifier):
    """Takes events in for a worker that may send at once; how many deliveries that made for whoever looks for them."""

    async def tell(*events, worker=None, first_after=NOW):
        return await handlers.alerts_changed(notifier.pool, events, first_after, worker or notifier.worker)

    return tell


async def leases(notifier) -> list[tuple[int, bool]]:
    """Of every delivery, oldest first, its token and whether it is leased."""
    return [tuple(row) for row in await notifier.pool.fetch(LEASES)]


def raises(notifier, count: int):
    return [notifier.event("raised", 1, uuid4()) for _ in range(count)]


async def sent(worker) -> None:
    if worker._sending:
        await asyncio.wait(worker._sending)
    await worker.record_some()


async def test_a_first_delivery_is_sent_without_being_looked_for(notifier, tell, receive):
    receivers = [await receive(), await receive()]
    for receiver in receivers:
        await notifier.channel(receiver.url)

    for_others = await tell(notifier.event("raised"))
    assert (for_others, await leases(notifier)) == (0, [(1, True)] * 2)
    await sent(notifier.worker)

    assert [len(receiver.calls) for receiver in receivers] == [1, 1]
    assert [one.state for one in await notifier.deliveries()] == ["delivered"] * 2
    assert notifier.worker._busy == 0


async def test_what_follows_waits_for_what_was_first(notifier, tell, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    receiver.open.clear()
    raised, acked = notifier.event("raised"), notifier.event("acked", 2)

    assert await tell(raised, acked) == 1
    await receiver.has(1)
    await notifier.worker.send_some()
    assert notifier.worker._busy == 1
    receiver.open.set()
    await sent(notifier.worker)
    await notifier.send()

    assert [call.body["type"] for call in receiver.calls] == ["alert.raised", "alert.acked"]


async def test_nothing_is_sent_at_once_that_is_to_be_sent_later_or_never(notifier, tell):
    disabled = await notifier.channel()
    await notifier.change(disabled, enabled=False)
    assert await tell(notifier.event("raised", 1, uuid4())) == 0

    await notifier.channel()
    assert await tell(notifier.event("raised", 1, uuid4()), first_after=timedelta(hours=1)) == 1
    assert await leases(notifier) == [(0, False)]
    assert not notifier.worker._sending


async def test_who_comes_later_goes_behind_those_that_found_no_room(notifier, tell, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    receiver.open.clear()

    assert await tell(*raises(notifier, PER_CHANNEL - 1)) == 0
    assert await tell(*raises(notifier, 2)) == 2
    assert await tell(*raises(notifier, 1)) == 1, "there was room for this one, but not for those before"

    receiver.open.set()
    await sent(notifier.worker)
    await notifier.send()
    assert await tell(*raises(notifier, 1)) == 0, "a claim found nobody else"
    await sent(notifier.worker)
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == len(receiver.calls) == PER_CHANNEL + 3


async def test_what_comes_while_a_claim_would_get_none_waits(notifier, tell, receive):
    """So that retries, and what follows, get their turn between new raises."""
    receiver = await receive()
    await notifier.channel(receiver.url)
    receiver.open.clear()

    assert await tell(*raises(notifier, PER_CHANNEL // 2 + 1)) == 0
    assert await tell(*raises(notifier, 1)) == 1
    receiver.open.set()
    await sent(notifier.worker)


async def test_all_channels_together_get_no_more_than_is_in_flight(notifier, tell):
    channels = IN_FLIGHT // PER_CHANNEL + 1
    for _ in range(channels):
        await notifier.channel()

    assert await tell(*raises(notifier, PER_CHANNEL)) == PER_CHANNEL
    assert (await leases(notifier)).count((1, True)) == IN_FLIGHT
    await sent(notifier.worker)


async def test_a_claim_that_gets_all_it_asked_for_may_have_left_some(notifier, tell, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    await tell(*raises(notifier, 3 * PER_CHANNEL))

    await notifier.worker.send_some()
    assert notifier.worker._busy == PER_CHANNEL
    await sent(notifier.worker)

    assert await tell(*raises(notifier, 1)) == 1


async def test_who_does_not_answer_gets_no_more_than_by_claims(notifier, tell):
    await notifier.channel()
    await tell(*raises(notifier, 1))
    await sent(notifier.worker)

    assert await tell(*raises(notifier, PER_UNREACHABLE_CHANNEL + 1)) == PER_UNREACHABLE_CHANNEL + 1
    assert not notifier.worker._busy


async def test_what_was_leased_by_a_process_that_died_is_taken_over(notifier, tell, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    dead = notifier.new_worker()
    await tell(notifier.event("raised"), worker=dead)
    for task in dead._sending:
        task.cancel()

    await notifier.send()
    assert await leases(notifier) == [(1, True)]
    await notifier.time_passes()
    await notifier.send()

    assert ((await notifier.only_delivery()).state, len(receiver.calls)) == ("delivered", 1)


async def test_a_transaction_that_fails_leaves_the_places_free(notifier, tell, receive):
    receiver = await receive()
    channel = await notifier.channel(receiver.url)
    decision = (notifier.alert, channel.id)
    await notifier.pool.execute(
        "INSERT INTO notifier.decision VALUES ($1, 1, $2, 'ops', 'raised', NULL, '')", *decision
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await tell(*raises(notifier, PER_CHANNEL - 1), notifier.event("raised"))

    assert await tell(*raises(notifier, PER_CHANNEL)) == 0
    await sent(notifier.worker)
    assert len(receiver.calls) == PER_CHANNEL


class LosesTheAnswer:
    """A pool over which the answer to a commit does not come back."""

    def __init__(self, pool):
        self.pool = pool

    @asynccontextmanager
    async def acquire(self):
        async with self.pool.acquire() as connection:
            yield connection
        raise ConnectionResetError


async def test_what_was_leased_by_a_commit_without_an_answer_need_not_wait_for_its_lease(notifier, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    with pytest.raises(ConnectionResetError):
        await handlers.alerts_changed(LosesTheAnswer(notifier.pool), [notifier.event("raised")], NOW, notifier.worker)

    assert await leases(notifier) == [(1, True)]
    await notifier.worker.look_after()
    await notifier.send()
    assert ((await notifier.only_delivery()).state, len(receiver.calls)) == ("delivered", 1)


class Away:
    """A database that does not answer."""

    async def execute(self, *_):
        raise ConnectionResetError


async def test_what_cannot_be_given_back_now_is_given_back_later(notifier):
    await notifier.channel()
    leaving = notifier.new_worker()
    there, leaving.pool, leaving._leaving = leaving.pool, Away(), True
    assert not await leaving.send(await claim(notifier), 0.0)
    assert await leases(notifier) == [(1, True)]

    leaving.pool = there
    await leaving.look_after()
    assert await leases(notifier) == [(1, False)]


async def claim(notifier):
    """A delivery that has just been claimed, and that nobody sends."""
    await notifier.tell(notifier.event("raised"))
    return await queries.claim(notifier.pool, {}, 1, 1, timedelta(minutes=1))


async def test_what_is_leased_while_the_process_leaves_is_given_back(notifier, tell, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    leaving = notifier.worker
    taken = leaving.takes

    def takes_and_leaves(wanted):
        """As if told to stop between the question and the commit."""
        answer = taken(wanted)
        leaving._leaving = True
        return answer

    leaving.takes = takes_and_leaves
    assert await tell(notifier.event("raised")) == 1
    assert await leases(notifier) == [(1, False)]
    await notifier.send(notifier.new_worker())

    assert ((await notifier.only_delivery()).state, len(receiver.calls)) == ("delivered", 1)


async def test_a_process_that_has_been_told_to_stop_takes_nothing_more(notifier, tell):
    await notifier.channel()
    stop = asyncio.Event()
    stop.set()
    await notifier.worker.run(stop)

    assert await tell(notifier.event("raised")) == 1
    assert await leases(notifier) == [(0, False)]

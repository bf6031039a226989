"""Channels whose receivers can't tell a repeat: what may have arrived is never sent again by itself."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from services.notifier.queries import deliveries as queries

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def given_up() -> float:
    return REGISTRY.get_sample_value("keepwatch_deliveries_given_up_total")


UNKNOWN = "nobody knows whether it arrived, and it is sent at most once: "


@asynccontextmanager
async def server(answer: bytes):
    """Somebody who reads a call, answers so and, if that is nothing, hangs up; yields the URL and who called."""
    callers = []

    async def serve(reader, writer):
        callers.append(writer.get_extra_info("peername"))
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))
            await reader.readexactly(length)
            if not answer:
                writer.close()
                return
            writer.write(answer)

    async def quietly(reader, writer):
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    listening = await asyncio.start_server(quietly, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook", callers


async def once(notifier, url: str, **more):
    return await notifier.channel(url, at_most_once=True, **more)


async def dies_while_sending(notifier, receiver) -> None:
    """The call has gone out, and nobody is left to hear the answer; its lease ends."""
    receiver.open.clear()
    worker = notifier.new_worker()
    await worker.send_some()
    await receiver.has(1)
    for task in worker._sending:
        task.cancel()
    receiver.open.set()
    await notifier.time_passes()


async def test_it_is_noted_as_begun_before_the_call(notifier, receive):
    receiver = await receive()
    receiver.open.clear()
    await once(notifier, receiver.url)
    await notifier.tell(notifier.event("raised"))

    await notifier.worker.send_some()
    await receiver.has(1)
    begun = await notifier.pool.fetchval("SELECT begun_at IS NOT NULL FROM notifier.delivery")
    receiver.open.set()
    await asyncio.wait(notifier.worker._sending)
    await notifier.worker.record_some()

    assert begun
    assert (await notifier.only_delivery()).state == "delivered"
    assert await notifier.pool.fetchval("SELECT begun_at IS NULL FROM notifier.delivery")


async def test_what_may_have_arrived_before_a_crash_is_given_up_and_seen(notifier, receive):
    receiver = await receive()
    await once(notifier, receiver.url)
    await notifier.tell(notifier.event("raised"))
    await dies_while_sending(notifier, receiver)

    before = given_up()
    await notifier.send()
    await notifier.worker.look_after()
    await notifier.send()

    delivery = await notifier.only_delivery()
    assert (delivery.state, len(receiver.calls)) == ("dead", 1)
    assert delivery.last_error == f"{UNKNOWN}whoever sent it did not come back"
    assert given_up() == before + 1


async def test_without_the_option_it_is_sent_again(notifier, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await dies_while_sending(notifier, receiver)

    await notifier.worker.look_after()
    await notifier.send()

    assert ((await notifier.only_delivery()).state, len(receiver.calls)) == ("delivered", 2)


async def test_what_was_given_up_is_sent_again_by_hand(notifier, receive):
    receiver = await receive()
    await once(notifier, receiver.url)
    await notifier.tell(notifier.event("raised"))
    await dies_while_sending(notifier, receiver)
    await notifier.worker.look_after()

    await notifier.retry(await notifier.only_delivery())
    await notifier.send()

    assert ((await notifier.only_delivery()).state, len(receiver.calls)) == ("delivered", 2)


async def test_who_wakes_up_after_all_may_say_that_it_arrived(notifier, receive):
    receiver = await receive()
    await once(notifier, receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.worker.send_some()
    await asyncio.wait(notifier.worker._sending)  # it arrived, and the process stands still

    await notifier.time_passes()
    await notifier.new_worker().look_after()
    given_up = (await notifier.only_delivery()).state
    await notifier.worker.record_some()

    assert (given_up, (await notifier.only_delivery()).state) == ("dead", "delivered")


async def test_a_retry_by_hand_of_what_is_being_sent_does_not_send_it_twice(notifier, receive):
    receiver = await receive()
    receiver.answers.append(web.Response(status=500))
    await once(notifier, receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.send()
    await notifier.time_passes()
    receiver.open.clear()
    worker = notifier.new_worker()
    await worker.send_some()
    await receiver.has(2)

    await notifier.retry(await notifier.only_delivery())
    for task in worker._sending:
        task.cancel()
    receiver.open.set()
    await notifier.time_passes()
    await notifier.send()

    assert len(receiver.calls) == 2


async def test_an_answer_is_an_answer(notifier, receive):
    receiver = await receive()
    receiver.answers.append(web.Response(status=500))
    await once(notifier, receiver.url)
    await notifier.tell(notifier.event("raised"))

    await notifier.send()
    first = (await notifier.only_delivery()).state
    await notifier.time_passes()
    await notifier.send()

    assert (first, (await notifier.only_delivery()).state) == ("failed", "delivered")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/hook", "http://10.255.255.1/hook"])
async def test_where_nobody_was_reached_nothing_arrived(notifier, url):
    await once(notifier, url)
    await notifier.tell(notifier.event("raised"))

    await notifier.send()

    assert (await notifier.only_delivery()).state == "failed"


@pytest.mark.parametrize(("at_most_once", "state"), [(True, "dead"), (False, "failed")])
async def test_a_connection_that_is_cut_after_the_call_says_nothing(notifier, at_most_once, state):
    before = given_up()
    async with server(b"") as (url, _):
        await notifier.channel(url, at_most_once=at_most_once)
        await notifier.tell(notifier.event("raised"))

        await notifier.send()

    assert given_up() - before == at_most_once
    delivery = await notifier.only_delivery()
    cut = "the receiver closed the connection without an answer"
    assert (delivery.state, delivery.last_error) == (state, f"{UNKNOWN}{cut}" if at_most_once else cut)
    assert [one.detail for one in delivery.attempts] == [cut]


@pytest.mark.parametrize(("at_most_once", "connections"), [(True, 2), (False, 1)])
async def test_it_is_not_risked_on_a_connection_that_may_be_dead(notifier, at_most_once, connections):
    async with server(OK) as (url, callers):
        await notifier.channel(url, at_most_once=at_most_once)
        for _ in range(2):
            await notifier.tell(notifier.event("raised", 1, uuid4()))
            await notifier.send()

    assert len(callers) == connections
    assert {one.state for one in await notifier.deliveries()} == {"delivered"}


async def test_what_is_begun_holds_back_what_comes_later(notifier, receive):
    receiver = await receive()
    await once(notifier, receiver.url)
    await notifier.tell(notifier.event("raised"), notifier.event("acked", 2))
    await dies_while_sending(notifier, receiver)

    await notifier.send()
    before = len(receiver.calls)
    await notifier.worker.look_after()
    await notifier.send()

    assert (before, [call.body["type"] for call in receiver.calls]) == (1, ["alert.raised", "alert.acked"])


async def test_whose_lease_is_over_does_not_begin(notifier, receive):
    receiver = await receive()
    await once(notifier, receiver.url)
    await notifier.tell(notifier.event("raised"))
    (stale,) = await queries.claim(notifier.pool, {}, 10, 10, timedelta(minutes=1))
    await notifier.time_passes()
    over = await queries.begin(notifier.pool, stale)
    (_,) = await queries.claim(notifier.pool, {}, 10, 10, timedelta(minutes=1))

    taken = await queries.begin(notifier.pool, stale)

    assert (over, taken) == (False, False)

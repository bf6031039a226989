"""What telling people costs, counted instead of timed."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.notifier import handlers
from services.notifier.model import Delivered, Next, Tried
from services.notifier.queries import deliveries
from services.notifier.receivers import PER_CHANNEL
from services.notifier.results import record
from shared.clock import utc_now
from shared.vocabulary import DeliveryState
from tests.budget import PAST, Cost, cost, gather_statistics, plan_by_index

NOW = timedelta(0)
TAKE_IN = 6
"""Locks of the alerts, what waits, events, channels, decisions with deliveries, and one to spare."""
RECORD = 2
"""How the channels do, and the tries."""


@pytest.fixture(params=PAST)
async def connection(notifier, request):
    await notifier.channel(name="ops")
    async with notifier.pool.acquire() as connection:
        await plan_by_index(connection)
        await _take_in(notifier, connection, 1)  # it asks once what the types are that it meets
        await _record(notifier, connection, 1)
        if request.param == PAST[1]:
            await _take_in(notifier, connection, 1000)
            await _record(notifier, connection, 1000)
            await gather_statistics(connection)
        yield connection


async def _take_in(notifier, connection, count: int, sender=None) -> Cost:
    arrived = [notifier.event("raised", alert=uuid4()) for _ in range(count)]
    return await cost(connection, "notifier", lambda tx: handlers.take_in(tx, arrived, NOW, sender))


async def _record(notifier, connection, count: int) -> Cost:
    claimed = await deliveries.claim(connection, {}, count, count, timedelta(minutes=1))
    assert len(claimed) == count
    done = Next(DeliveryState.DELIVERED)
    tried = [Tried(one, Delivered(200, ""), utc_now(), 1, done) for one in claimed]
    return await cost(connection, "notifier", lambda tx: record(tx, tried, timedelta(days=5)))


async def test_many_events_take_as_few_statements_as_one(notifier, connection):
    one, many = await _take_in(notifier, connection, 1), await _take_in(notifier, connection, 500)

    assert len(one.statements) == len(many.statements) <= TAKE_IN


async def test_what_is_sent_at_once_takes_no_statement_more(notifier, connection):
    usual = await _take_in(notifier, connection, PER_CHANNEL)
    leased = "SELECT count(*) FROM notifier.delivery WHERE lease_until IS NOT NULL"
    assert not await connection.fetchval(leased)
    at_once = await _take_in(notifier, connection, PER_CHANNEL, notifier.worker)

    assert len(at_once.statements) == len(usual.statements)
    assert await connection.fetchval(leased) == PER_CHANNEL


async def test_many_tries_take_as_few_statements_as_one(notifier, connection):
    await _take_in(notifier, connection, 300)
    one, many = await _record(notifier, connection, 1), await _record(notifier, connection, 250)

    assert len(one.statements) == len(many.statements) == RECORD


async def test_a_look_at_what_is_ours_reads_what_it_is_about(notifier, connection):
    await _take_in(notifier, connection, 2000)
    claimed = await deliveries.claim(connection, {}, 20, 20, timedelta(minutes=1))
    looked = await cost(connection, "notifier", lambda tx: deliveries.still_ours(tx, claimed))

    assert len(looked.statements) == 1
    assert looked.read.total() < 100


async def test_claims_read_about_as_much_as_they_are_about(notifier, connection):
    await _take_in(notifier, connection, 2000)
    claimed = await cost(connection, "notifier", lambda tx: deliveries.claim(tx, {}, 20, 20, timedelta(minutes=1)))

    assert len(claimed.statements) == 1
    assert claimed.read.total() < 300


async def test_events_read_about_as_much_as_they_are_about(notifier, connection):
    await _take_in(notifier, connection, 2000)

    assert (await _take_in(notifier, connection, 20)).read.total() < 300


async def test_tries_read_about_as_much_as_they_are_about(notifier, connection):
    await _take_in(notifier, connection, 2000)

    assert (await _record(notifier, connection, 20)).read.total() < 500


async def test_of_claims_no_index_is_told(notifier, connection):
    """They are made in the order of the pages, hundreds at a time."""
    taken_in = await _take_in(notifier, connection, 1000)
    claimed = await cost(connection, "notifier", lambda tx: deliveries.claim(tx, {}, 500, 500, timedelta(minutes=1)))

    assert taken_in.moved["fan_out"] == 0
    assert claimed.moved["delivery"] <= 25

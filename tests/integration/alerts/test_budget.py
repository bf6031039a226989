"""What evidence costs, counted instead of timed."""

from uuid import uuid4

import pytest

from services.alerts import handlers
from services.alerts.outbox import mark, take
from tests.budget import PAST, cost, gather_statistics, plan_by_index

STATEMENTS = 8
"""Inbox, lock of deletions, tombstones, marks, raise, resolve, evidence, and one to spare; however many events."""


@pytest.fixture(params=PAST)
async def connection(alerts, request):
    async with alerts.pool.acquire() as connection:
        await plan_by_index(connection)
        # It asks once what the types are that it meets.
        first = [alerts.event(status, group="the first") for status in ("failed", "warning", "succeeded")]
        await handlers.apply_within(connection, first)
        await take(connection, [0], 1)
        await mark(connection, [], [])
        if request.param == PAST[1]:
            hosts = [uuid4() for _ in range(100)]
            for at, status in enumerate(("failed", "succeeded")):
                ends = [alerts.event(status, at=at, group=f"old-{n}", host_id=hosts[n % 100]) for n in range(1000)]
                await alerts.tell(*ends)
            published = [row.id for row in await take(connection, list(range(8)), 10_000)]
            await mark(connection, published, published)
            await gather_statistics(connection)
        yield connection


@pytest.mark.parametrize("status", ["failed", "succeeded", "warning"])
async def test_many_events_take_as_few_statements_as_one(alerts, connection, status):
    async def statements(count: int) -> int:
        events = [alerts.event(status, group=f"group-{number}") for number in range(count)]
        return len((await cost(connection, "alerts", lambda tx: handlers.apply_within(tx, events))).statements)

    assert await statements(1) == await statements(500) <= STATEMENTS


@pytest.mark.parametrize("status", ["failed", "succeeded"])
async def test_evidence_reads_about_as_much_as_it_is_about(alerts, connection, status):
    """Without statistics the planner once read everything that was open for each batch of a storm."""
    await alerts.tell(*(alerts.event("failed", group=f"group-{number}") for number in range(2000)))
    events = [alerts.event(status, at=1, group=f"another-{number}") for number in range(20)]

    assert (await cost(connection, "alerts", lambda tx: handlers.apply_within(tx, events))).read.total() < 500


@pytest.mark.parametrize("deletion", ["of_a_group", "of_a_host"])
async def test_a_deletion_reads_about_as_much_as_it_is_about(alerts, connection, deletion):
    await alerts.tell(*(alerts.event("failed", group=f"group-{number}", host_id=uuid4()) for number in range(2000)))
    await alerts.fails("mail")
    gone = alerts.group_deleted("mail") if deletion == "of_a_group" else alerts.host_deleted()

    assert (await cost(connection, "alerts", lambda tx: handlers.apply_within(tx, [gone]))).read.total() < 100


async def test_the_outbox_reads_what_it_publishes(alerts, connection):
    """By share, everything that waited was once sorted for each thousand of it."""
    await alerts.tell(*(alerts.event("failed", group=f"group-{number}") for number in range(2000)))
    shares = list(range(8))

    taken = await cost(connection, "alerts", lambda tx: take(tx, shares, 20))
    ids = [row.id for row in await take(connection, shares, 20)]
    marked = await cost(connection, "alerts", lambda tx: mark(tx, ids, ids))

    assert (len(taken.statements), len(marked.statements)) == (1, 1)
    assert taken.read.total() < 100
    assert marked.read.total() < 200


async def test_of_marks_that_move_no_index_is_told(alerts, connection):
    await alerts.tell(*(alerts.event("succeeded", group=f"group-{number}") for number in range(1000)))
    events = [alerts.event("failed", at=1, group=f"group-{number}") for number in range(1000)]

    assert (await cost(connection, "alerts", lambda tx: handlers.apply_within(tx, events))).moved["mark"] <= 50


@pytest.mark.parametrize("batch", [50, 500])
async def test_of_touches_no_index_is_told(alerts, connection, batch):
    await alerts.tell(*(alerts.event("failed", group=f"group-{number}") for number in range(batch)))
    moved = 0
    for at in range(1, 11):
        events = [alerts.event("failed", at=at, group=f"group-{number}") for number in range(batch)]
        moved += (await cost(connection, "alerts", lambda tx, events=events: handlers.apply_within(tx, events))).moved[
            "alert"
        ]

    assert moved <= batch

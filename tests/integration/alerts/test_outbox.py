"""What a broker that lost its memory is told again: what it can have lost, and no history."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import pytest

from services.alerts import outbox
from shared.outbox import Broker, Told

LONG_AGO = timedelta(days=200)
JUST_NOW = timedelta(minutes=5)


@pytest.fixture
async def published(alerts, pool):
    """Makes so many events that were published, one after the other and so long ago, to one broker."""
    sequences, groups = count(1), count(1)

    async def publish(number: int, ago: timedelta) -> list[int]:
        await alerts.tell(*[alerts.event("failed", group=f"group {next(groups)}") for _ in range(number)])
        rows = await outbox.take(pool, range(8), 1000)
        taken = [next(sequences) for _ in rows]
        await outbox.mark(pool, [row.id for row in rows], taken)
        await pool.execute(
            "UPDATE alerts.alert_event SET published_at = now() - $1::interval WHERE stream_seq = ANY($2)", ago, taken
        )
        return taken

    return publish


async def waiting(pool) -> int:
    return (await outbox.waiting(pool))[0]


def made(ago: timedelta) -> datetime:
    return datetime.now(UTC) - ago


async def test_a_new_broker_is_told_what_not_every_consumer_had_acknowledged(pool, published):
    old = Broker(made(LONG_AGO), 0)
    await outbox.note_broker(pool, old, 0)
    await published(10, LONG_AGO)
    await outbox.note_broker(pool, Broker(old.stream_created, 10), 7)

    assert await outbox.rewind(pool, Broker(made(timedelta()), 0), []) == 3


async def test_a_new_broker_is_told_what_was_published_just_now(pool, published):
    """That all have acknowledged it says nothing of its disk: nobody would have it if that went as well."""
    old = Broker(made(LONG_AGO), 0)
    await outbox.note_broker(pool, old, 0)
    await published(10, LONG_AGO)
    await published(5, JUST_NOW)
    await outbox.note_broker(pool, Broker(old.stream_created, 15), 15)

    assert await outbox.rewind(pool, Broker(made(timedelta()), 0), []) == 5


async def test_a_second_loss_brings_no_history_back(pool, published):
    """After the first one, sequences are of two streams, and all of them above the new stream's floor."""
    old = Broker(made(LONG_AGO + timedelta(days=1)), 0)
    await outbox.note_broker(pool, old, 0)
    await published(50, LONG_AGO)
    await outbox.note_broker(pool, Broker(old.stream_created, 50), 50)
    first, second = made(timedelta(days=100)), made(timedelta())

    await outbox.rewind(pool, Broker(first, 0), [])
    assert await waiting(pool) == 0
    await outbox.note_broker(pool, Broker(first, 3), 3)
    await outbox.rewind(pool, Broker(second, 0), [])

    assert await waiting(pool) == 0


async def test_a_second_loss_before_anybody_acknowledged_loses_nothing(pool, published):
    old = Broker(made(LONG_AGO), 0)
    await outbox.note_broker(pool, old, 0)
    await published(10, timedelta(days=2))
    first, second = made(timedelta(days=1)), made(timedelta())

    assert await outbox.rewind(pool, Broker(first, 0), []) == 10
    rows = await outbox.take(pool, range(8), 1000)
    await outbox.mark(pool, [row.id for row in rows], range(1, 11))
    await pool.execute("UPDATE alerts.alert_event SET published_at = now() - interval '20 hours'")

    assert await outbox.rewind(pool, Broker(second, 0), []) == 10


async def test_a_loss_that_two_copies_notice_is_mended_once(pool, published):
    old = Broker(made(LONG_AGO), 0)
    await outbox.note_broker(pool, old, 0)
    await published(10, LONG_AGO)
    new = Broker(made(timedelta()), 0)

    assert await outbox.rewind(pool, new, []) == 10
    assert await outbox.rewind(pool, new, []) == 0


async def test_last_messages_that_others_hide_are_told_again_once(pool, published):
    old = Broker(made(LONG_AGO), 0)
    await outbox.note_broker(pool, old, 0)
    await published(10, JUST_NOW)
    known, told = await outbox.broker(pool), await outbox.told(pool, range(8))
    assert (max(each.stream_seq for each in told), known.last_seq) == (10, 10)
    seen = Broker(known.stream_created, 40)  # the stream has gone on

    assert await outbox.rewind(pool, seen, told[:1]) == 10
    assert await outbox.rewind(pool, seen, told[:1]) == 0
    assert await outbox.told(pool, range(8)) == []


async def test_what_was_told_is_the_newest_of_each_share(pool, alerts):
    await outbox.note_broker(pool, Broker(made(LONG_AGO), 0), 0)
    await alerts.tell(*[alerts.event("failed", group=str(number)) for number in range(60)])
    rows = await outbox.take(pool, range(8), 100)

    await outbox.mark(pool, [row.id for row in rows[30:]], range(31, 61))
    await outbox.mark(pool, [row.id for row in rows[:30]], range(1, 31))  # another copy's, and late

    newest = await pool.fetch("SELECT max(stream_seq) AS seq FROM alerts.alert_event GROUP BY share")
    assert sorted(each.stream_seq for each in await outbox.told(pool, range(8))) == sorted(row["seq"] for row in newest)


async def test_what_the_stream_dropped_unread_is_told_again_and_nothing_else(pool, published):
    old = Broker(made(LONG_AGO), 0)
    await outbox.note_broker(pool, old, 0)
    await published(20, LONG_AGO)
    await outbox.note_broker(pool, Broker(old.stream_created, 20), 5)

    assert await outbox.tell_again(pool, 5, 9) == 3
    assert await outbox.tell_again(pool, 5, 9) == 0


async def test_how_far_the_reader_had_come_is_not_unlearned(pool):
    """A reader that is made anew begins at the beginning, and has had it all the same."""
    old = Broker(made(LONG_AGO), 0)
    for floor in (0, 15, 3):
        await outbox.note_broker(pool, Broker(old.stream_created, 20), floor)

    assert (await outbox.broker(pool)).ack_floor == 15


async def test_a_loss_of_nothing_is_none(pool, published):
    old = Broker(made(LONG_AGO), 0)
    await outbox.note_broker(pool, old, 0)
    await published(10, JUST_NOW)

    assert await outbox.rewind(pool, Broker(old.stream_created, 10), [Told(10, uuid4())]) == 0

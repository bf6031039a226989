"""A channel with nothing but failures for five days is given up, and whoever looks can see why."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from aiohttp import web

from services.notifier.queries import channels as queries
from services.notifier.queries import own_trouble
from shared.asks.channels import GetChannel

DAYS = timedelta(days=1)


def failing(receiver, count: int) -> None:
    receiver.answers.extend(web.Response(status=500) for _ in range(count))


async def try_at(notifier, later: timedelta) -> None:
    """One more event for all channels, and a try of all that waits, so much later."""
    await notifier.tell(notifier.event("raised", 1, uuid4()))
    await notifier.time_passes()
    await notifier.send(notifier.new_worker(later=later))


async def channel_of(notifier, channel):
    return await notifier.channels.get_channel(GetChannel(id=channel.id))


async def test_five_days_of_nothing_but_failures_disable_a_channel(notifier, receive):
    receiver = await receive()
    failing(receiver, 3)
    channel = await notifier.channel(receiver.url, name="ops")
    await try_at(notifier, 0 * DAYS)
    await try_at(notifier, 4.9 * DAYS)
    before = await channel_of(notifier, channel)
    failing(receiver, 10)

    await try_at(notifier, 5.1 * DAYS)

    after = await channel_of(notifier, channel)
    assert (before.enabled, after.enabled) == (True, False)
    assert after.disabled_reason.startswith("nothing but failures since 2")
    assert after.disabled_reason.endswith(" UTC, the last: the receiver answered 500")
    assert {(one.state, one.last_error) for one in await notifier.deliveries()} == {
        ("dead", f"channel disabled: {after.disabled_reason}"),
    }
    (told,) = await own_trouble.to_tell(notifier.pool, 10)
    assert (told.kind, told.name, told.message) == ("channel_disabled", "ops", after.disabled_reason)


async def test_what_arrives_begins_the_count_anew(notifier, receive):
    receiver = await receive()
    failing(receiver, 1)
    channel = await notifier.channel(receiver.url)
    await try_at(notifier, 0 * DAYS)
    await try_at(notifier, 3 * DAYS)
    assert {one.state for one in await notifier.deliveries()} == {"delivered"}

    failing(receiver, 1)
    await try_at(notifier, 6 * DAYS)

    assert (await channel_of(notifier, channel)).enabled


async def test_one_that_is_reached_keeps_no_other_enabled(notifier, receive):
    broken, works = await receive(), await receive()
    failing(broken, 20)
    lost, kept = await notifier.channel(broken.url), await notifier.channel(works.url)

    await try_at(notifier, 0 * DAYS)
    await try_at(notifier, 6 * DAYS)

    assert [(await channel_of(notifier, each)).enabled for each in (lost, kept)] == [False, True]


@pytest.mark.parametrize("change", ["config", "enabled"])
async def test_a_change_begins_the_count_anew(notifier, receive, change):
    first, second = await receive(), await receive()
    failing(first, 20)
    failing(second, 20)
    channel = await notifier.channel(first.url)
    await try_at(notifier, 0 * DAYS)

    if change == "config":
        await notifier.change(channel, config={"url": second.url})
    else:
        await notifier.change(channel, enabled=False)
        await notifier.change(channel, enabled=True)
    await try_at(notifier, 6 * DAYS)

    assert (await channel_of(notifier, channel)).enabled


async def test_another_name_changes_nothing_about_it(notifier, receive):
    receiver = await receive()
    failing(receiver, 20)
    channel = await notifier.channel(receiver.url)
    await try_at(notifier, 0 * DAYS)

    await notifier.change(channel, name="another")
    await try_at(notifier, 6 * DAYS)

    assert not (await channel_of(notifier, channel)).enabled


async def test_a_change_during_the_last_try_wins(notifier, receive):
    """What failed was the address of before."""
    first, second = await receive(), await receive()
    failing(first, 20)
    channel = await notifier.channel(first.url)
    await try_at(notifier, 0 * DAYS)
    await notifier.time_passes()
    worker = notifier.new_worker(later=6 * DAYS)
    await worker.send_some()
    await asyncio.wait(worker._sending)  # failed, and not recorded yet

    await notifier.change(channel, config={"url": second.url})
    await worker.record_some()

    assert (await channel_of(notifier, channel)).enabled


async def test_a_late_goodbye_does_not_end_a_channel_that_was_enabled_since(notifier, receive):
    """The receiver was mended, at the same address, while its 410 was on the way to the ledger."""
    receiver = await receive()
    receiver.answers.append(web.Response(status=410))
    channel = await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    worker = notifier.new_worker()
    await worker.send_some()
    await asyncio.wait(worker._sending)

    await notifier.change(channel, enabled=False)
    await notifier.change(channel, enabled=True)
    await worker.record_some()

    assert (await channel_of(notifier, channel)).enabled


async def test_what_arrives_at_the_same_time_wins(notifier, receive):
    """The transaction that disables waits for the one that notes what arrived, and then sees it."""
    receiver = await receive()
    failing(receiver, 20)
    channel = await notifier.channel(receiver.url)
    await try_at(notifier, 0 * DAYS)
    worker = notifier.new_worker(later=6 * DAYS)
    await notifier.time_passes()
    await worker.send_some()
    await asyncio.wait(worker._sending)

    async with notifier.pool.acquire() as connection, connection.transaction():
        await queries.note_health(connection, {channel.id: None})
        disabling = asyncio.create_task(worker.record_some())
        while not await notifier.pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            await asyncio.sleep(0.01)
    await disabling

    assert (await channel_of(notifier, channel)).enabled


async def test_what_a_copy_of_the_release_before_delivered_counts(notifier, receive):
    """It notes no more than the delivery itself."""
    receiver = await receive()
    failing(receiver, 1)
    channel = await notifier.channel(receiver.url)
    await try_at(notifier, 0 * DAYS)
    await try_at(notifier, 1 * DAYS)
    await notifier.pool.execute("UPDATE notifier.channel SET failing_since = (SELECT min(at) FROM notifier.attempt)")
    failing(receiver, 1)

    await try_at(notifier, 6 * DAYS)

    assert (await channel_of(notifier, channel)).enabled

"""What was told of alerts that were over long ago goes; what stands, and what still waits, stays whole."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.notifier.retention import remove_some

KEEP = timedelta(days=90)
TABLES = ("event", "fan_out", "decision", "delivery", "attempt")


@pytest.fixture
def told(notifier, receive):
    """Tells a channel of an alert's raise, and of its end if it has one; gives the alert."""

    async def tell(*, over: bool = True, url: str | None = None) -> UUID:
        alert = uuid4()
        events = [notifier.event("raised", 1, alert)] + ([notifier.event("resolved", 2, alert)] if over else [])
        await notifier.tell(*events)
        for _ in events:
            await notifier.send()
        return alert

    return tell


async def age(notifier, days: float) -> None:
    """Let so many days pass for everything that has happened."""
    past = timedelta(days=days)
    await notifier.pool.execute("UPDATE notifier.event SET fanned_out_at = fanned_out_at - $1::interval", past)
    await notifier.pool.execute(
        "UPDATE notifier.delivery SET delivered_at = delivered_at - $1::interval, dead_at = dead_at - $1::interval,"
        " created_at = created_at - $1::interval",
        past,
    )


async def left(notifier, table: str) -> set[UUID]:
    """Of which alerts a table still knows something."""
    statement = (
        "SELECT alert_id FROM notifier.attempt JOIN notifier.delivery ON delivery.id = delivery_id"
        if table == "attempt"
        else f"SELECT alert_id FROM notifier.{table}"
    )
    return {row["alert_id"] for row in await notifier.pool.fetch(statement)}


async def everything(notifier, alerts: int = 2) -> None:
    while await remove_some(notifier.pool, KEEP, alerts):
        pass


async def test_alerts_that_were_over_long_ago_go_whole_and_open_ones_stay_whole(notifier, told, receive):
    await notifier.channel((await receive()).url)
    for _ in range(5):
        await told()
    standing = await told(over=False)
    await age(notifier, 91)
    young = await told()

    await everything(notifier)

    for table in TABLES:
        assert await left(notifier, table) == {standing, young}, table
    assert await notifier.pool.fetchval("SELECT count(*) FROM notifier.attempt") == 3


async def test_what_still_waits_keeps_its_alert(notifier, told):
    await notifier.channel("http://127.0.0.1:9/hook")  # nobody listens
    waiting = await told()
    await age(notifier, 91)

    await everything(notifier)

    assert await left(notifier, "delivery") == {waiting}
    assert len(await notifier.deliveries()) == 2


async def test_what_was_given_up_or_delivered_lately_keeps_its_alert(notifier, told, receive):
    channel = await notifier.channel("http://127.0.0.1:9/hook")
    late = await told()
    await age(notifier, 91)
    await notifier.change(channel, enabled=False)

    await everything(notifier)
    assert await left(notifier, "delivery") == {late}

    await age(notifier, 91)
    await everything(notifier)
    assert await left(notifier, "event") == set()


async def test_an_alert_that_no_channel_was_told_of_goes_too(notifier, told):
    await told()
    await age(notifier, 91)

    await everything(notifier)

    assert await left(notifier, "event") == await left(notifier, "fan_out") == set()


async def test_an_end_that_waits_for_what_came_before_stays(notifier):
    await notifier.tell(notifier.event("resolved", 2))
    await notifier.pool.execute("UPDATE notifier.event SET received_at = now() - interval '1 year'")

    await everything(notifier)

    assert await left(notifier, "event") == {notifier.alert}


async def test_a_retry_that_comes_first_keeps_its_alert(notifier, told):
    channel = await notifier.channel("http://127.0.0.1:9/hook")
    alert = await told()
    await notifier.change(channel, enabled=False)
    await notifier.change(channel, enabled=True)
    await age(notifier, 91)
    given_up = (await notifier.deliveries())[0]

    async with notifier.pool.acquire() as connection:
        tx = connection.transaction()
        await tx.start()
        await connection.execute(
            "UPDATE notifier.delivery SET state = 'pending', next_attempt_at = now(), dead_at = NULL WHERE id = $1",
            given_up.id,
        )
        removing = asyncio.create_task(remove_some(notifier.pool, KEEP))
        async with asyncio.timeout(20):
            while not await notifier.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.02)
        await tx.commit()
        await removing

    assert await left(notifier, "delivery") == {alert}


async def test_two_replicas_share_the_work_while_events_come_in(notifier, told, receive):
    await notifier.channel((await receive()).url)
    for _ in range(30):
        await told()
    await age(notifier, 91)
    new = [uuid4() for _ in range(20)]

    async with asyncio.timeout(30):
        await asyncio.gather(
            everything(notifier),
            everything(notifier),
            *(notifier.tell(notifier.event("raised", 1, alert)) for alert in new),
        )
        await everything(notifier)

    assert await left(notifier, "event") == await left(notifier, "decision") == set(new)


async def test_an_alert_whose_fan_out_somebody_holds_is_stepped_past(notifier, told):
    held, _ = await told(), await told()
    await age(notifier, 91)

    async with notifier.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM notifier.fan_out WHERE alert_id = $1 FOR UPDATE", held)
        async with asyncio.timeout(10):
            await everything(notifier)

    assert await left(notifier, "event") == {held}


async def test_a_look_for_nothing_reads_next_to_nothing(notifier):
    await notifier.channel()
    alerts = [uuid4() for _ in range(500)]
    await notifier.tell(*(notifier.event("raised", 1, alert) for alert in alerts))
    await notifier.tell(*(notifier.event("resolved", 2, alert) for alert in alerts))
    await notifier.pool.execute("ANALYZE notifier.event, notifier.fan_out, notifier.delivery")
    async with notifier.pool.acquire() as connection:

        async def read() -> int:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            return await connection.fetchval(
                """
                SELECT (SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE schemaname = 'notifier')
                     + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE schemaname = 'notifier')
                """
            )

        before = await read()
        await remove_some(notifier.pool, KEEP)
        assert await read() - before < 50

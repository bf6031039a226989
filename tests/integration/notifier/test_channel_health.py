from datetime import UTC, datetime, timedelta
from uuid import uuid4

from aiohttp import web

from services.notifier.queries.health import health
from shared.asks.channels import GetChannelsHealth
from shared.asks.deliveries import ListDeliveriesOfChannel

DAY = timedelta(hours=24)


async def health_of(notifier, channel):
    (found,) = await notifier.answers.get_channels_health(GetChannelsHealth(ids=[channel.id]))
    return found


async def told(notifier, channel, **how):
    question = ListDeliveriesOfChannel(channel_id=channel.id, **how)
    return await notifier.answers.list_deliveries_of_channel(question)


async def goes_wrong(notifier, receiver, times: int, text: str = "") -> None:
    receiver.answers.extend(web.Response(status=500, text=text) for _ in range(times))
    for _ in range(times):
        await notifier.time_passes()
        await notifier.send()


async def test_what_arrives_waits_and_is_given_up_is_counted(notifier, receive):
    receiver = await receive()
    channel = await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised", alert=uuid4()), notifier.event("raised", alert=uuid4()))
    await notifier.send()
    await notifier.tell(notifier.event("raised", alert=uuid4()))
    await goes_wrong(notifier, receiver, 3)
    await notifier.tell(notifier.event("raised", alert=uuid4()))
    await goes_wrong(notifier, receiver, 1)
    await notifier.tell(notifier.event("raised", alert=uuid4()))

    found = await health_of(notifier, channel)

    assert (found.delivered, found.dead, found.failed, found.pending) == (2, 1, 1, 1)
    assert found.last_error == "the receiver answered 500"
    assert abs(datetime.now(UTC) - found.last_error_at) < timedelta(minutes=1)
    assert abs(datetime.now(UTC) - found.last_delivered_at) < timedelta(minutes=1)


async def test_a_day_later_only_what_waits_is_left(notifier, receive):
    receiver = await receive()
    channel = await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised", alert=uuid4()))
    await notifier.send()
    await notifier.tell(notifier.event("raised", alert=uuid4()))
    await goes_wrong(notifier, receiver, 3)
    await notifier.tell(notifier.event("raised", alert=uuid4()))
    await notifier.pool.execute(
        "UPDATE notifier.delivery SET created_at = created_at - $1::interval, dead_at = dead_at - $1::interval,"
        " delivered_at = delivered_at - $1::interval",
        DAY,
    )

    found = await health_of(notifier, channel)

    assert (found.delivered, found.dead, found.failed, found.pending) == (0, 0, 0, 1)
    assert found.last_error is None
    assert found.last_delivered_at is not None


async def test_each_channel_is_counted_by_itself_in_the_order_asked(notifier):
    quiet, busy = await notifier.channel(events=["resolved"]), await notifier.channel()
    await notifier.tell(notifier.event("raised"))
    asked = [busy.id, uuid4(), quiet.id]

    found = await notifier.answers.get_channels_health(GetChannelsHealth(ids=asked))

    assert [one.channel_id for one in found] == asked
    assert [one.pending for one in found] == [1, 0, 0]


async def test_disabling_gives_up_now_and_a_retry_takes_that_back(notifier):
    channel = await notifier.channel()
    await notifier.tell(notifier.event("raised"))
    await notifier.change(channel, enabled=False)
    given_up = await health_of(notifier, channel)
    await notifier.change(channel, enabled=True)
    await notifier.retry(await notifier.only_delivery())
    retried = await health_of(notifier, channel)

    assert (given_up.dead, given_up.last_error) == (1, "channel disabled")
    assert (retried.dead, retried.pending) == (0, 1)
    assert await notifier.pool.fetchval("SELECT dead_at FROM notifier.delivery") is None


async def test_deliveries_are_listed_with_their_alert_and_the_last_answer(notifier, receive):
    receiver = await receive()
    channel = await notifier.channel(receiver.url)
    await notifier.channel(receiver.url, events=["resolved"])
    await notifier.tell(notifier.event("raised", title="web-01 / etc: backup failed"))
    await goes_wrong(notifier, receiver, 1, "no such room")

    (listed,) = (await told(notifier, channel)).items

    assert listed.alert_title == "web-01 / etc: backup failed"
    assert (listed.last_answer, listed.attempts, listed.state) == ("no such room", 1, "failed")
    assert (await told(notifier, channel, given_up=True)).items == []


async def test_pages_of_a_channels_deliveries_go_on_where_the_one_before_ended(notifier):
    channel = await notifier.channel()
    await notifier.tell(*(notifier.event("raised", alert=uuid4()) for _ in range(5)))

    async def ids(**how):
        first = await told(notifier, channel, limit=3, **how)
        second = await told(notifier, channel, limit=3, cursor=first.next_cursor, **how)
        assert second.next_cursor is None
        return [one.id for one in first.items + second.items]

    lately = await ids()
    await notifier.change(channel, enabled=False)
    given_up = await ids(given_up=True)

    assert len(set(lately)) == len(lately) == 5
    assert set(given_up) == set(lately)


async def test_counting_reads_no_more_than_it_counts(notifier):
    """A channel's page is looked at while a million deliveries stand in the ledger, and no statistics are there yet."""
    channel = await notifier.channel()
    other = await notifier.channel()
    states = "CASE n % 4 WHEN 0 THEN 'delivered' WHEN 1 THEN 'dead' WHEN 2 THEN 'failed' ELSE 'pending' END"
    async with notifier.pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO notifier.event (alert_id, version, event_id, type, payload)"
            " SELECT gen_random_uuid(), 1, gen_random_uuid(), 'raised', '{}' FROM generate_series(1, 5000)"
        )
        await connection.execute(
            f"""
            INSERT INTO notifier.delivery (alert_id, version, channel_id, channel_name, event, state, next_attempt_at,
                delivered_at, dead_at, last_error)
            SELECT alert_id, 1, channel_id, 'x', 'raised', state, CASE WHEN state IN ('failed', 'pending') THEN at END,
                CASE state WHEN 'delivered' THEN at END, CASE state WHEN 'dead' THEN at END, 'it failed'
            FROM (
                SELECT alert_id, now() - interval '1 minute' * (n / 4) AS at, {states} AS state
                FROM (SELECT alert_id, row_number() OVER () AS n FROM notifier.event) AS numbered
            ) AS made, unnest($1::uuid[]) AS channel_id
            """,
            [channel.id, other.id],
        )

        async def entries_read() -> int:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            return await connection.fetchval(
                "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'notifier')"
                " + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE schemaname = 'notifier')"
            )

        before = await entries_read()
        (found,) = await health(connection, [channel.id], DAY, 100)

        assert (found.delivered, found.dead, found.failed + found.pending) == (100, 100, 100)
        assert await entries_read() - before < 1000

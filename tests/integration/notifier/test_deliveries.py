import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from aiohttp import web

from services.notifier import deliveries
from services.notifier.channels.webhook import open_lines
from services.notifier.queries.deliveries import claim, still_ours
from services.notifier.receivers import PER_CHANNEL, PER_QUICK_CHANNEL, PER_UNREACHABLE_CHANNEL
from services.notifier.turns import FRESH_SECONDS
from shared.asks.deliveries import TellAttempts
from shared.refusal import Refusal


def answer(status, **headers):
    return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_a_delivery_is_signed_and_says_everything(notifier, receive):
    receiver = await receive()
    channel = await notifier.channel(receiver.url, config={"url": receiver.url, "headers": {"X-Team": "ops"}})
    await notifier.tell(notifier.event("raised"))

    await notifier.send()

    (call,) = receiver.calls
    call.verify(channel.signing_secret)
    delivery = await notifier.only_delivery()
    assert call.headers["webhook-id"] == str(delivery.id)
    assert (call.headers["X-Team"], call.headers["Content-Type"]) == ("ops", "application/json")
    assert call.body["type"] == "alert.raised"
    assert call.body["timestamp"] == "2026-03-01T02:00:00Z"
    assert call.body["data"]["alert"]["url"] == f"https://keepwatch.example/alerts/{notifier.alert}"
    assert call.body["data"]["alert"]["title"] == "web-01 / mail: backup failed"
    assert {"alert", "actor", "note"} == set(call.body["data"])
    assert (delivery.state, delivery.next_attempt_at, delivery.last_error) == ("delivered", None, None)
    assert [(one.status, one.detail) for one in delivery.attempts] == [(200, "thank you")]


async def test_a_failed_try_is_repeated_with_the_same_id(notifier, receive):
    receiver = await receive()
    receiver.answers.append(answer(500))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))

    await notifier.send()
    failed = await notifier.only_delivery()
    await notifier.send()
    await notifier.time_passes()
    await notifier.send()

    assert (failed.state, failed.last_error) == ("failed", "the receiver answered 500")
    assert timedelta(minutes=59) < failed.next_attempt_at - datetime.now(UTC) < timedelta(minutes=73)
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1
    delivered = await notifier.only_delivery()
    assert (delivered.state, [one.status for one in delivered.attempts]) == ("delivered", [500, 200])


async def test_a_delivery_that_never_arrives_is_dead_and_visible(notifier, receive):
    receiver = await receive()
    receiver.answers.extend(answer(500) for _ in range(3))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))

    for _ in range(4):
        await notifier.time_passes()
        await notifier.send()

    dead = await notifier.only_delivery()
    assert (dead.state, len(dead.attempts), len(receiver.calls)) == ("dead", 3, 3)
    assert dead.last_error == "given up after 3 tries: the receiver answered 500"


async def test_a_dead_delivery_starts_over_by_hand(notifier, receive):
    receiver = await receive()
    receiver.answers.extend(answer(500) for _ in range(4))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    for _ in range(3):
        await notifier.time_passes()
        await notifier.send()

    retried = await notifier.retry(await notifier.only_delivery())
    await notifier.send()

    assert (retried.state, notifier.announced) == ("pending", 1)
    again = await notifier.only_delivery()
    assert (again.state, len(again.attempts)) == ("failed", 4)


async def test_the_tries_of_several_deliveries_are_told_at_once(notifier, receive):
    receiver = await receive()
    receiver.answers.extend([answer(500), answer(204)])
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"), notifier.event("raised", 1, uuid4()))
    await notifier.send()
    await notifier.time_passes()
    await notifier.send()
    ids = [delivery.id for delivery in await notifier.deliveries()]

    tries = await notifier.answers.tell_attempts(TellAttempts(delivery_ids=[*ids, uuid4()]))

    assert set(tries) == set(ids)
    assert sorted(tuple(attempt.status for attempt in each) for each in tries.values()) == [(204,), (500, 200)]


async def test_only_what_failed_is_retried(notifier, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))

    pending = await notifier.retry(await notifier.only_delivery())
    await notifier.send()
    delivered = await notifier.retry(await notifier.only_delivery())

    assert [pending.status, delivered.status] == [409, 409]
    assert isinstance(delivered, Refusal)


async def test_a_wish_for_patience_is_honoured(notifier, receive):
    receiver = await receive()
    receiver.answers.append(answer(429, Retry_After="7200"))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))

    await notifier.send()

    waits = (await notifier.only_delivery()).next_attempt_at - datetime.now(UTC)
    assert timedelta(minutes=119) < waits <= timedelta(hours=2)


async def test_patience_may_be_asked_for_as_a_date(notifier, receive):
    receiver = await receive()
    receiver.answers.append(answer(503, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))

    await notifier.send()

    waits = (await notifier.only_delivery()).next_attempt_at - datetime.now(UTC)
    assert timedelta(hours=5, minutes=59) < waits <= timedelta(hours=6)


async def test_a_receiver_that_is_gone_disables_its_channel(notifier, receive):
    receiver = await receive()
    receiver.answers.append(answer(410))
    await notifier.channel(receiver.url, name="gone")
    await notifier.tell(notifier.event("raised"), notifier.event("acked", 2))

    await notifier.send()
    await notifier.tell(notifier.event("resolved", 3))

    raised, acked = await notifier.deliveries()
    assert [raised.state, acked.state, len(receiver.calls)] == ["dead", "dead", 1]
    assert acked.last_error == "channel disabled: the receiver answered 410"
    assert (await notifier.pool.fetchval("SELECT disabled_reason FROM notifier.channel")) == "the receiver answered 410"
    assert ("resolved", "gone", False, "the channel is disabled") in await notifier.reasons()


async def test_a_redirect_is_a_failure_and_not_followed(notifier, receive):
    receiver, other = await receive(), await receive()
    receiver.answers.append(answer(307, Location=other.url))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))

    await notifier.send()

    assert (await notifier.only_delivery()).last_error == "the receiver answered 307"
    assert other.calls == []


async def test_an_address_that_is_not_allowed_is_not_connected_to(notifier):
    await notifier.channel("http://10.255.255.1/hook")
    await notifier.tell(notifier.event("raised"))

    await notifier.send()

    delivery = await notifier.only_delivery()
    assert (delivery.state, delivery.last_error) == ("failed", "the address 10.255.255.1 is not allowed")


async def test_a_name_that_leads_inside_is_not_connected_to(notifier, receive):
    """Names are judged by the address they lead to, so a name that changes its mind gains nothing."""
    receiver = await receive()
    url = receiver.url.replace("127.0.0.1", "localhost")
    await notifier.channel(url)
    await notifier.tell(notifier.event("raised"))

    async with open_lines([]) as strict:
        notifier.lines = strict
        await notifier.send(notifier.new_worker())

    delivery = await notifier.only_delivery()
    assert (delivery.state, receiver.calls) == ("failed", [])
    assert "is not allowed" in delivery.last_error


async def test_what_a_receiver_echoes_is_kept_without_secrets(notifier, receive):
    receiver = await receive()
    receiver.answers.append(web.Response(status=500, text=f"no: hunter22 at {receiver.url}\0" + "x" * 5000))
    config = {"url": receiver.url, "headers": {"Authorization": "hunter22"}}
    await notifier.channel(config=config)
    await notifier.tell(notifier.event("raised"))

    await notifier.send()

    (attempt,) = (await notifier.only_delivery()).attempts
    assert attempt.detail.startswith("no: •••••••• at ••••••••x")
    assert len(attempt.detail) < 1100


async def test_a_later_event_waits_for_an_earlier_one_at_the_same_channel(notifier, receive):
    slow, quick = await receive(), await receive()
    slow.answers.append(answer(500))
    await notifier.channel(slow.url)
    await notifier.channel(quick.url)
    await notifier.tell(notifier.event("raised"), notifier.event("acked", 2))

    for _ in range(3):
        await notifier.send()
    before = [call.body["type"] for call in slow.calls], [call.body["type"] for call in quick.calls]
    await notifier.time_passes()
    for _ in range(2):
        await notifier.send()

    assert before == (["alert.raised"], ["alert.raised", "alert.acked"])
    assert [call.body["type"] for call in slow.calls] == ["alert.raised", "alert.raised", "alert.acked"]


async def test_a_dead_event_holds_back_nothing(notifier, receive):
    receiver = await receive()
    receiver.answers.extend(answer(500) for _ in range(3))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"), notifier.event("acked", 2))

    for _ in range(4):
        await notifier.time_passes()
        await notifier.send()

    assert [(one.event, one.state) for one in await notifier.deliveries()] == [
        ("raised", "dead"),
        ("acked", "delivered"),
    ]


async def test_a_failing_alert_holds_back_no_other(notifier, receive):
    receiver = await receive()
    receiver.answers.append(answer(500))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.send()

    await notifier.tell(notifier.event("raised", 1, uuid4()))
    await notifier.send()

    assert [one.state for one in await notifier.deliveries()] == ["failed", "delivered"]


async def test_replicas_share_the_work(notifier, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    await notifier.tell(*(notifier.event("raised", 1, uuid4()) for _ in range(100)))

    workers = [notifier.new_worker() for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(notifier.send(worker) for worker in workers))

    assert len(receiver.calls) == len({call.headers["webhook-id"] for call in receiver.calls}) == 100


async def test_a_late_result_of_a_lost_lease_changes_nothing(notifier, receive):
    """A worker that was paused must not undo what its successor did."""
    receiver = await receive()
    receiver.answers.append(answer(500))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.worker.send_some()
    await asyncio.wait(notifier.worker._sending)  # sent, refused, and paused before it is recorded

    await notifier.time_passes()
    await notifier.send(notifier.new_worker())
    await notifier.worker.record_some()

    delivery = await notifier.only_delivery()
    assert (delivery.state, delivery.last_error) == ("delivered", None)
    assert [one.status for one in delivery.attempts] == [200, 500]


async def test_a_late_failure_of_a_lost_lease_does_not_end_its_successors(notifier, receive):
    receiver = await receive()
    receiver.answers.append(answer(500))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.worker.send_some()
    await asyncio.wait(notifier.worker._sending)

    await notifier.time_passes()
    (held,) = await claim(notifier.pool, {}, 10, 10, timedelta(minutes=1))
    await notifier.worker.record_some()

    assert (await notifier.only_delivery()).state == "pending"
    assert await still_ours(notifier.pool, [held]) == {(held.id, held.token)}


async def test_a_result_that_waits_for_a_takeover_sees_it(notifier, receive):
    receiver = await receive()
    receiver.answers.append(answer(500))
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.worker.send_some()
    await asyncio.wait(notifier.worker._sending)

    async with notifier.pool.acquire() as successor, successor.transaction():
        await successor.execute("UPDATE notifier.delivery SET token = token + 1")
        recording = asyncio.create_task(notifier.worker.record_some())
        async with asyncio.timeout(10):
            while not await notifier.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
    await recording

    delivery = await notifier.only_delivery()
    assert (delivery.state, [one.status for one in delivery.attempts]) == ("pending", [500])


async def test_a_delivery_whose_worker_died_is_taken_over_after_its_lease(notifier, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await claim(notifier.pool, {}, 10, 10, timedelta(minutes=1))

    await notifier.send()
    held = (await notifier.only_delivery()).state
    await notifier.time_passes()
    await notifier.send()

    assert (held, (await notifier.only_delivery()).state) == ("pending", "delivered")


async def test_a_lease_that_is_nearly_over_is_not_used(notifier, receive):
    """A process that stood still between claim and send may have been replaced already."""
    receiver = await receive()
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))

    await notifier.send(notifier.new_worker(lease=timedelta(microseconds=1)))

    assert receiver.calls == []


async def test_disabling_a_channel_ends_what_waits(notifier, receive):
    receiver = await receive()
    channel = await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))

    await notifier.change(channel, enabled=False)
    await notifier.send()

    delivery = await notifier.only_delivery()
    assert (delivery.state, delivery.last_error, receiver.calls) == ("dead", "channel disabled", [])
    assert (await notifier.retry(delivery)).status == 409


async def test_a_deleted_channel_s_deliveries_stay_listed_under_its_name(notifier):
    channel = await notifier.channel(name="ops")
    await notifier.tell(notifier.event("raised"))

    await notifier.delete(channel)

    (delivery,) = await notifier.deliveries(channel_ids=[channel.id], states=["dead"])
    assert (delivery.channel_name, delivery.last_error) == ("ops", "channel deleted")
    assert (await notifier.retry(delivery)).detail == "The channel of this delivery has been deleted."


async def test_what_arrives_while_its_channel_is_disabled_counts_as_delivered(notifier, receive):
    receiver = await receive()
    receiver.open.clear()
    channel = await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.worker.send_some()
    await receiver.has(1)

    await notifier.change(channel, enabled=False)
    receiver.open.set()
    await asyncio.wait(notifier.worker._sending)
    await notifier.worker.record_some()

    assert (await notifier.only_delivery()).state == "delivered"


async def test_a_stalled_receiver_leaves_room_for_others(notifier, receive):
    stalled, quick = await receive(), await receive()
    stalled.open.clear()
    await notifier.channel(stalled.url)
    await notifier.tell(*(notifier.event("raised", 1, uuid4()) for _ in range(PER_CHANNEL + 10)))
    await notifier.worker.send_some()
    await stalled.has(PER_CHANNEL)
    await notifier.channel(quick.url)

    await notifier.tell(notifier.event("raised", 1, uuid4()))
    await notifier.worker.send_some()
    await quick.has(1)

    assert len(stalled.calls) == PER_CHANNEL


async def test_two_quick_receivers_that_stall_leave_room_for_others(notifier, receive):
    stalled = [await receive() for _ in range(2)]
    for receiver in stalled:
        await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised", 1, uuid4()))
    await notifier.send()
    for receiver in stalled:
        receiver.open.clear()
    await notifier.tell(*(notifier.event("raised", 1, uuid4()) for _ in range(PER_QUICK_CHANNEL + 10)))
    await notifier.worker.send_some()
    assert notifier.worker._busy == 2 * PER_QUICK_CHANNEL
    quick = await receive()
    await notifier.channel(quick.url)

    await notifier.tell(notifier.event("raised", 1, uuid4()))
    await notifier.worker.send_some()
    await quick.has(1)


async def claim_ahead(notifier, receive):
    """A receiver known as quick that now holds all its calls, while more deliveries are claimed; and its channel."""
    receiver = await receive()
    channel = await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised", 1, uuid4()))
    await notifier.send()
    receiver.calls.clear()
    receiver.open.clear()
    await notifier.tell(*(notifier.event("raised", 1, uuid4()) for _ in range(PER_QUICK_CHANNEL)))
    await notifier.worker.send_some()
    await receiver.has(PER_CHANNEL)
    assert notifier.worker._busy == PER_QUICK_CHANNEL
    return receiver, channel


async def test_what_was_claimed_ahead_is_sent_in_turn(notifier, receive):
    receiver, _ = await claim_ahead(notifier, receive)

    await asyncio.sleep(FRESH_SECONDS * 2)
    receiver.open.set()
    await asyncio.wait(notifier.worker._sending)

    assert len({call.headers["webhook-id"] for call in receiver.calls}) == len(receiver.calls) == PER_QUICK_CHANNEL


async def test_what_was_claimed_ahead_and_not_sent_by_the_end_is_given_back(notifier, receive, monkeypatch):
    receiver, _ = await claim_ahead(notifier, receive)
    monkeypatch.setattr(deliveries, "LAST_SENDS_SECONDS", 0.1)
    stop = asyncio.Event()
    stop.set()
    await notifier.worker.run(stop)

    leased = "SELECT count(*) FROM notifier.delivery WHERE lease_until IS NOT NULL"
    assert await notifier.pool.fetchval(leased) == PER_CHANNEL, "of these nobody knows whether they arrived"
    receiver.open.set()


async def test_what_was_claimed_ahead_of_a_disabling_is_not_sent(notifier, receive):
    receiver, channel = await claim_ahead(notifier, receive)

    await notifier.change(channel, enabled=False)
    await asyncio.sleep(FRESH_SECONDS * 2)
    receiver.open.set()
    await asyncio.wait(notifier.worker._sending)

    assert len(receiver.calls) == PER_CHANNEL


async def test_what_was_claimed_ahead_of_a_takeover_is_not_sent(notifier, receive):
    receiver, _ = await claim_ahead(notifier, receive)

    await notifier.pool.execute("UPDATE notifier.delivery SET token = token + 1 WHERE state = 'pending'")
    await asyncio.sleep(FRESH_SECONDS * 2)
    receiver.open.set()
    await asyncio.wait(notifier.worker._sending)

    assert len(receiver.calls) == PER_CHANNEL


async def test_who_never_wants_to_be_called_again_is_not_called_for_what_was_claimed_ahead(notifier, receive):
    receiver, _ = await claim_ahead(notifier, receive)
    receiver.answers.extend(answer(410) for _ in range(PER_QUICK_CHANNEL))

    receiver.open.set()
    await asyncio.wait(notifier.worker._sending)

    assert len(receiver.calls) == notifier.worker._busy == PER_CHANNEL


async def test_an_old_receiver_is_forgotten(notifier, receive, monkeypatch):
    receiver = await receive()
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.send()
    await notifier.worker.look_after()
    known = len(notifier.worker._receivers)

    monkeypatch.setattr("services.notifier.deliveries.REMEMBERED_SECONDS", -1.0)
    await notifier.worker.look_after()

    assert (known, len(notifier.worker._receivers)) == (1, 0)


async def test_an_unreachable_receiver_gets_few_places(notifier, receive):
    receiver = await receive()
    channel = await notifier.channel("http://127.0.0.1:9/hook")
    await notifier.tell(notifier.event("raised", 1, uuid4()))
    await notifier.send()
    await notifier.change(channel, config={"url": receiver.url})
    receiver.open.clear()

    await notifier.tell(*(notifier.event("raised", 1, uuid4()) for _ in range(10)))
    await notifier.worker.send_some()
    await receiver.has(PER_UNREACHABLE_CHANNEL)

    assert notifier.worker._busy == PER_UNREACHABLE_CHANNEL


async def test_another_secret_key_is_named_as_the_reason(notifier, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.pool.execute("UPDATE notifier.channel SET id = uuidv7()")  # sealed for another one
    await notifier.pool.execute("UPDATE notifier.delivery SET channel_id = (SELECT id FROM notifier.channel)")

    await notifier.send()

    assert "another KEEPWATCH_SECRET_KEY" in (await notifier.only_delivery()).last_error

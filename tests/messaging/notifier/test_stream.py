import asyncio
import json
from uuid import uuid4

import pytest
from aiohttp import web

from shared import streams
from shared.asks.alerts import TellEvents, TellOwnTrouble
from shared.asks.channels import PatchChannel, TestChannel
from shared.refusal import Refusal


async def test_an_alert_s_story_is_told_once_each_in_order(bus, receive):
    receiver = await receive()
    async with bus.notifier():
        channel = await bus.channel(receiver.url)

        for version, change in enumerate(["raised", "acked", "resolved"], start=1):
            await bus.announce(change, version)

        assert await bus.settled(3) == ["delivered"] * 3
    assert [call.body["type"] for call in receiver.calls] == ["alert.raised", "alert.acked", "alert.resolved"]
    for call in receiver.calls:
        call.verify(channel.signing_secret)


async def test_replicas_deliver_each_event_once(bus, receive):
    receiver = await receive()
    async with bus.notifier(), bus.notifier(), bus.notifier():
        await bus.channel(receiver.url)
        alerts = [uuid4() for _ in range(100)]
        for version, change in enumerate(["raised", "resolved"], start=1):
            for alert in alerts:
                await bus.announce(change, version, alert)

        await receiver.has(200)
        await bus.acknowledged()

    told = [(call.body["data"]["alert"]["id"], call.body["type"]) for call in receiver.calls]
    assert len(told) == len(set(told)) == 200
    for alert in alerts:
        assert [kind for told_alert, kind in told if told_alert == str(alert)] == ["alert.raised", "alert.resolved"]


async def test_a_full_redelivery_changes_nothing(bus, receive):
    """As after the loss of the consumer's memory: the stream tells everything again."""
    receiver = await receive()
    async with bus.notifier():
        await bus.channel(receiver.url)
        for version, change in enumerate(["raised", "acked"], start=1):
            await bus.announce(change, version)
        await bus.settled(2)

    js = bus.client.jetstream()
    await js.delete_consumer(streams.STREAM, streams.NOTIFIER.name)
    await js.add_consumer(streams.STREAM, streams.consumer_config(streams.NOTIFIER))
    async with bus.notifier():
        await bus.acknowledged()
        await bus.announce("resolved", 3)
        await bus.settled(3)

    assert [call.body["type"] for call in receiver.calls] == ["alert.raised", "alert.acked", "alert.resolved"]


async def test_a_consumer_that_vanished_is_made_again(bus, receive):
    receiver = await receive()
    async with bus.notifier():
        await bus.channel(receiver.url)
        await bus.client.jetstream().delete_consumer(streams.STREAM, streams.NOTIFIER.name)

        await bus.announce("raised")

        assert await bus.settled(1) == ["delivered"]


async def test_retries_keep_the_id_until_they_are_given_up(bus, receive):
    receiver = await receive()
    receiver.answers.extend(web.Response(status=status) for status in (500, 502, 302))
    async with bus.notifier():
        await bus.channel(receiver.url)
        await bus.announce("raised")

        assert await bus.settled(1) == ["dead"]

        await bus.announce("acked", 2)
        assert await bus.settled(2) == ["dead", "delivered"]
    assert len({call.headers["webhook-id"] for call in receiver.calls[:3]}) == 1
    assert receiver.calls[3].body["type"] == "alert.acked"


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("alert.raised", b"not json"),
        ("alert.raised", b"\xff\xfe"),
        ("alert.raised", b"{}"),
        ("alert.unheard_of", b"{}"),
        ("alert.raised", None),
    ],
)
async def test_poison_is_set_aside_and_stops_nobody(bus, receive, pool, subject, body):
    """The last one can be read, and the database refuses it: versions count from 1."""
    receiver = await receive()
    if body is None:
        body = bus.alert_event("raised", uuid4(), 0).model_dump_json().encode()
    async with bus.notifier():
        await bus.channel(receiver.url)
        await asyncio.gather(bus.announce("raised", 1, uuid4()), bus.raw(subject, body), bus.announce("raised"))

        await receiver.has(2)
        await bus.acknowledged()

    (letter,) = await pool.fetch("SELECT subject, payload, error FROM notifier.dead_letter")
    assert (letter["subject"], letter["payload"]) == (subject, body)
    assert letter["error"]


async def test_own_trouble_is_told_until_alerts_has_it(bus, receive, pool):
    """Nobody answers at first, then somebody who can't; the third time it is taken, and that is the last."""
    told = []

    async def take(message):
        told.append(TellOwnTrouble.model_validate_json(message.data))
        answer = Refusal.unavailable("no database") if len(told) == 1 else None
        await message.respond(TellOwnTrouble.encode_answer(answer))

    async def over() -> bool:
        return await pool.fetch("SELECT name FROM notifier.own_trouble WHERE told_at IS NOT NULL") == [("ops",)]

    await pool.execute(
        "INSERT INTO notifier.own_trouble (kind, dedup_key, name, over, told_at)"
        " VALUES ('dead_letter', 'notifier', 'long ago', true, now() - interval '31 days')"
    )
    receiver = await receive()
    receiver.answers.append(web.Response(status=410))
    async with bus.notifier():
        channel = await bus.channel(receiver.url, name="ops")
        await bus.announce("raised")
        await bus.settled(1)
        await bus.client.subscribe(TellOwnTrouble.subject, cb=take)
        async with asyncio.timeout(20):
            while not await over():
                await asyncio.sleep(0.02)

    assert len(told) == 2
    assert len({each.event_id for each in told}) == 1
    assert (told[0].kind, told[0].dedup_key, told[0].name) == ("channel_disabled", str(channel.id), "ops")


async def test_a_missing_event_is_asked_for(bus, receive):
    receiver = await receive()
    missing = [bus.alert_event("raised", bus.alert, 1), bus.alert_event("acked", bus.alert, 2)]

    async def tell(message):
        asked = TellEvents.model_validate_json(message.data)
        payloads = [event.model_dump_json() for event in missing if event.version > asked.after]
        await message.respond(TellEvents.encode_answer(payloads))

    await bus.client.subscribe(TellEvents.subject, cb=tell)
    async with bus.notifier():
        await bus.channel(receiver.url)
        await bus.announce("resolved", 3)

        assert await bus.settled(3) == ["delivered"] * 3
    assert [call.body["type"] for call in receiver.calls] == ["alert.raised", "alert.acked", "alert.resolved"]


async def test_an_event_that_nobody_has_any_more_is_trouble_that_is_told_once(bus, pool, receive):
    """As after a restore of a database that is older than what people were told."""
    receiver, asked = await receive(), []

    async def tell(message):
        asked.append(message)
        await message.respond(TellEvents.encode_answer([]))

    await bus.client.subscribe(TellEvents.subject, cb=tell)
    async with bus.notifier(), bus.notifier():
        await bus.channel(receiver.url)
        await bus.announce("resolved", 3)
        async with asyncio.timeout(30):
            while len(asked) < 4:
                await asyncio.sleep(0.05)

    (trouble,) = await pool.fetch("SELECT kind, dedup_key, message FROM notifier.own_trouble")
    assert (trouble["kind"], trouble["dedup_key"]) == ("dead_letter", f"missing/{bus.alert}")
    assert trouble["message"].startswith(f"Version 1 of alert {bus.alert} is missing")
    assert receiver.calls == []


async def test_what_was_not_sent_when_a_replica_stopped_is_sent_by_the_next(bus, receive):
    receiver = await receive()
    receiver.open.clear()
    async with bus.notifier():
        await bus.channel(receiver.url)
        await bus.announce("raised")
        await receiver.has(1)
        receiver.open.set()

    await bus.announce("acked", 2)
    async with bus.notifier():
        assert await bus.settled(2) == ["delivered", "delivered"]
    assert [call.body["type"] for call in receiver.calls] == ["alert.raised", "alert.acked"]


async def test_a_channel_is_tested_with_a_signed_message_that_is_marked(bus, receive):
    receiver = await receive()
    receiver.answers.append(web.Response(status=204))
    receiver.answers.append(web.Response(status=403))
    async with bus.notifier():
        channel = await bus.channel(receiver.url, enabled=False)

        works = await bus.ask(TestChannel(id=channel.id))
        fails = await bus.ask(TestChannel(id=channel.id))

    (call, _) = receiver.calls
    call.verify(channel.signing_secret)
    assert (call.body["type"], call.body["data"]["alert"]) == ("keepwatch.test", None)
    assert (works.ok, works.detail) == (True, "the receiver answered 204")
    assert (fails.ok, fails.detail) == (False, "the receiver answered 403")


async def test_secrets_are_nowhere_to_be_read(bus, receive, pool, capfd):
    receiver = await receive()
    receiver.answers.extend([web.Response(status=500, text="hunter22"), web.Response(status=410)])
    config = {"url": f"{receiver.url}?token=s3cr3t-token", "headers": {"Authorization": "hunter22"}}
    async with bus.notifier():
        channel = await bus.channel(receiver.url, config=config)
        await bus.announce("raised")
        await bus.settled(1)
        answer = await bus.ask(PatchChannel(id=channel.id, changes={"name": "another"}))
        deliveries = await bus.of_alert()

    rows = []
    for table in ("channel", "event", "decision", "delivery", "attempt", "dead_letter"):
        rows += await pool.fetch(f"SELECT to_jsonb(t) - 'config' AS row FROM notifier.{table} AS t")
    stored = json.dumps([row["row"] for row in rows])
    logged = "".join(capfd.readouterr())
    for text in (stored, logged, answer.model_dump_json(), deliveries.model_dump_json()):
        assert "hunter22" not in text
        assert channel.signing_secret not in text
    for text in (stored, logged, deliveries.model_dump_json()):
        assert "s3cr3t-token" not in text
        assert receiver.url not in text

"""What alerts is told of the notifier itself, and dead letters that are handled after all."""

from datetime import timedelta

import pytest
from aiohttp import web

from services.notifier import dead_letters
from services.notifier.queries import own_trouble
from shared.asks.dead_letters import GetNotifierDeadLetter, ListNotifierDeadLetters, ReplayNotifierDeadLetter
from shared.vocabulary import AlertKind


async def aside(notifier, sequence: int, payload: bytes, subject: str = "alert.raised"):
    """The letter that this leaves."""
    await dead_letters.set_aside(notifier.pool, subject, sequence, payload, ValueError("no JSON"))
    return (await listed(notifier))[0]


async def listed(notifier):
    return await notifier.letters.list_letters(ListNotifierDeadLetters(most=10))


async def replay(notifier, letter):
    return await notifier.letters.replay_letter(ReplayNotifierDeadLetter(id=letter.id))


async def test_a_dead_letter_is_told_once(notifier):
    await aside(notifier, 1, b"x")
    await aside(notifier, 1, b"x")

    assert await notifier.own_trouble() == [("dead_letter", "notifier", False)]
    (told,) = await own_trouble.to_tell(notifier.pool, 10)
    assert (told.name, told.message) == ("notifier", "alert.raised: ValueError('no JSON')")


async def test_a_letter_that_is_handled_after_all_is_delivered_and_gone(notifier, receive):
    receiver = await receive()
    await notifier.channel(receiver.url)
    letter = await aside(notifier, 1, notifier.event("raised").payload.encode())

    answer = await replay(notifier, letter)
    await notifier.send()

    assert (answer.replayed, notifier.announced) == (True, 1)
    assert [call.body["type"] for call in receiver.calls] == ["alert.raised"]
    assert await listed(notifier) == []
    assert await notifier.own_trouble() == [("dead_letter", "notifier", False), ("dead_letter", "notifier", True)]
    assert (await replay(notifier, letter)).status == 404


async def test_it_is_over_when_the_last_letter_is_gone(notifier):
    letters = [await aside(notifier, number, notifier.event("raised", number).payload.encode()) for number in (1, 2)]

    await replay(notifier, letters[1])
    between = await notifier.own_trouble()
    await replay(notifier, letters[0])

    assert not any(over for *_, over in between)
    assert [over for *_, over in await notifier.own_trouble()] == [False, False, True]


@pytest.mark.parametrize("version", [None, 0])
async def test_a_letter_that_fails_again_stays_with_its_new_error(notifier, version):
    """Version 0 can be read, and the database refuses it."""
    payload = b"\xffnot json" if version is None else notifier.event("raised", version).payload.encode()
    letter = await aside(notifier, 7, payload)

    answer = await replay(notifier, letter)

    shown = await notifier.letters.get_letter(GetNotifierDeadLetter(id=letter.id))
    assert (answer.replayed, shown.error, shown.stream_seq) == (False, answer.error, 7)
    assert answer.error != letter.error
    assert shown.payload_bytes == len(payload)
    assert await notifier.own_trouble() == [("dead_letter", "notifier", False)]
    assert await notifier.pool.fetchval("SELECT count(*) FROM notifier.event") == 0


async def test_a_channel_that_keepwatch_disabled_is_told_and_so_is_its_return(notifier, receive):
    receiver = await receive()
    receiver.answers.append(web.Response(status=410))
    channel = await notifier.channel(receiver.url, name="ops")
    await notifier.tell(notifier.event("raised"))
    await notifier.send()
    (told,) = await own_trouble.to_tell(notifier.pool, 10)

    await notifier.change(channel, name="on call")
    still = await notifier.own_trouble()
    await notifier.change(channel, enabled=True)

    assert (told.kind, told.name, told.message) == ("channel_disabled", "ops", "the receiver answered 410")
    assert still == [("channel_disabled", str(channel.id), False)]
    assert (await notifier.own_trouble())[1:] == [("channel_disabled", str(channel.id), True)]


async def test_a_deleted_channel_troubles_nobody(notifier, receive):
    receiver = await receive()
    receiver.answers.append(web.Response(status=410))
    channel = await notifier.channel(receiver.url)
    await notifier.tell(notifier.event("raised"))
    await notifier.send()

    await notifier.delete(channel)

    assert [over for *_, over in await notifier.own_trouble()] == [False, True]


async def test_what_still_is_wrong_is_not_forgotten(notifier):
    """The canary's watch reads there whether it has said so already."""
    async with notifier.pool.acquire() as tx:
        for key in ("over", "still", "again", "again"):
            await own_trouble.note_wrong(tx, AlertKind.CANARY_LOST, key, "canary", "none has arrived")
        await own_trouble.note_over(tx, AlertKind.CANARY_LOST, "over", "canary")
        told = [one.event_id for one in await own_trouble.to_tell(notifier.pool, 10)]
        await own_trouble.told(notifier.pool, told)
        await tx.execute("UPDATE notifier.own_trouble SET told_at = now() - interval '31 days'")

        await own_trouble.forget(notifier.pool, timedelta(days=30))

        keys = [row["dedup_key"] for row in await tx.fetch("SELECT dedup_key FROM notifier.own_trouble ORDER BY id")]
        assert keys == ["still", "again"]
        assert await own_trouble.said_wrong(tx, AlertKind.CANARY_LOST, "still")
        assert not await own_trouble.said_wrong(tx, AlertKind.CANARY_LOST, "over")


async def test_a_channel_that_somebody_disabled_is_nobody_s_trouble(notifier):
    channel = await notifier.channel()

    await notifier.change(channel, enabled=False)
    await notifier.change(channel, enabled=True)
    await notifier.delete(channel)

    assert await notifier.own_trouble() == []

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from services.notifier.channels import webhook_config
from shared.asks.channels import GetChannel, ListChannels, RenewSigningSecret, TestChannel
from shared.asks.deliveries import GetDelivery, ListDeliveries
from shared.refusal import Refusal
from shared.sealing import Sealer

URL = "https://example.org/hook"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MASK = "••••••••"


async def get(notifier, channel):
    return await notifier.channels.get_channel(GetChannel(id=channel.id))


async def test_a_new_channel_shows_its_signing_secret_once(notifier):
    channel = await notifier.channel(URL, config={"url": URL, "headers": {"Authorization": "hunter22"}})

    assert channel.signing_secret.startswith("whsec_")
    assert channel.config == {"url": URL, "headers": {"Authorization": MASK}}
    assert (await get(notifier, channel)).model_dump() == channel.model_dump(exclude={"signing_secret"})


async def test_a_renewed_secret_and_the_one_before_both_sign_for_a_day(notifier, receive):
    receiver = await receive()
    channel = await notifier.channel(receiver.url, config={"url": receiver.url, "headers": {"X-Team": "hunter22"}})
    renewed = await notifier.channels.renew_secret(RenewSigningSecret(id=channel.id))
    assert renewed.signing_secret != channel.signing_secret

    await notifier.change(channel, name="a change in between loses nothing")
    await notifier.channels.test_channel(TestChannel(id=channel.id))
    (call,) = receiver.calls
    assert len(call.headers["webhook-signature"].split()) == 2
    call.verify(channel.signing_secret)
    call.verify(renewed.signing_secret)
    assert call.headers["X-Team"] == "hunter22"

    again = await notifier.channels.renew_secret(RenewSigningSecret(id=channel.id))
    await notifier.channels.test_channel(TestChannel(id=channel.id))
    with pytest.raises(WebhookVerificationError):
        receiver.calls[-1].verify(channel.signing_secret)
    receiver.calls[-1].verify(again.signing_secret)


def test_after_a_day_only_the_new_secret_signs():
    stored = webhook_config.create({"url": URL})
    renewed = webhook_config.renew(stored, NOW)

    new, old = webhook_config.signing_secrets(renewed, NOW + timedelta(hours=23))
    assert old == stored.secrets["signing_secret"]
    assert webhook_config.signing_secrets(renewed, NOW + timedelta(hours=25)) == [new]


async def test_renewing_what_is_not_there_is_not_found(notifier):
    answer = await notifier.channels.renew_secret(RenewSigningSecret(id=uuid4()))
    assert (answer.status, answer.detail) == (404, "There is no such channel.")


async def test_defaults_are_everything_enabled(notifier):
    channel = await notifier.channel(URL)

    assert (channel.enabled, channel.events, channel.disabled_reason) == (True, ["raised", "acked", "resolved"], None)
    assert channel.filter.model_dump(exclude_none=True) == {}


async def test_names_are_unique_without_regard_to_case(notifier):
    ops, dev = await notifier.channel(name="Ops"), await notifier.channel(name="dev")

    made = await notifier.channel(name="OPS")
    renamed = await notifier.change(dev, name="oPs")
    unchanged = await notifier.change(ops, name="OPS")

    assert [(one.status, one.extra) for one in (made, renamed)] == [(409, {"existing_id": str(ops.id)})] * 2
    assert unchanged.name == "OPS"


async def test_a_bad_config_names_the_field_and_nothing_is_stored(notifier):
    refused = await notifier.channel(config={"url": URL, "headers": {"webhook-id": "1"}})

    assert (refused.status, refused.errors[0].pointer) == (422, "/config/headers/webhook-id")
    assert (await notifier.channels.list_channels(ListChannels())).items == []


async def test_an_absent_field_stays_and_null_clears(notifier):
    channel = await notifier.channel(name="ops", events=["raised"], filter={"min_severity": "critical"})

    renamed = await notifier.change(channel, name="on call")
    cleared = await notifier.change(channel, filter=None, events=None)

    assert renamed.model_dump() == {**channel.model_dump(exclude={"signing_secret"}), "name": "on call"}
    assert cleared.filter.model_dump(exclude_none=True) == {}
    assert cleared.events == ["raised", "acked", "resolved"]


@pytest.mark.parametrize("field", ["name", "config", "enabled", "at_most_once"])
async def test_what_cannot_be_cleared_is_refused(notifier, field):
    refused = await notifier.change(await notifier.channel(), **{field: None})

    assert [(error.pointer, error.detail) for error in refused.errors] == [(f"/{field}", "must not be null")]


async def test_at_most_once_is_kept_until_somebody_changes_it(notifier):
    channel = await notifier.channel(at_most_once=True)

    renamed = await notifier.change(channel, name="x")
    changed = await notifier.change(channel, at_most_once=False)

    assert (channel.at_most_once, renamed.at_most_once, changed.at_most_once) == (True, True, False)
    assert not (await notifier.channel()).at_most_once


async def test_a_refused_change_changes_nothing(notifier):
    channel = await notifier.channel(config={"url": URL, "headers": {"X-Key": "hunter22"}})

    refused = await notifier.change(channel, name="new", enabled=False, config={"url": "https://evil.example"})

    assert [error.pointer for error in refused.errors] == ["/config/headers/X-Key"]
    assert (await get(notifier, channel)).model_dump() == channel.model_dump(exclude={"signing_secret"})


async def test_enabling_a_channel_forgets_why_it_was_disabled(notifier):
    channel = await notifier.channel(enabled=False)
    await notifier.pool.execute("UPDATE notifier.channel SET disabled_reason = 'the receiver answered 410'")

    kept = await notifier.change(channel, name="x")
    enabled = await notifier.change(channel, enabled=True)

    assert (kept.disabled_reason, enabled.disabled_reason) == ("the receiver answered 410", None)


async def test_what_is_not_there_is_not_found(notifier):
    channel = await notifier.channel()
    assert await notifier.delete(channel) is None

    answers = [
        await get(notifier, channel),
        await notifier.change(channel, name="x"),
        await notifier.delete(channel),
        await notifier.retry(channel),
        await notifier.delivery(channel.id),
    ]

    assert [answer.status for answer in answers] == [404] * 5


async def test_channels_are_listed_newest_first_page_by_page(notifier):
    made = [(await notifier.channel()).id for _ in range(5)]

    seen, cursor = [], None
    while not seen or cursor:
        found = await notifier.channels.list_channels(ListChannels(limit=2, cursor=cursor))
        seen += [channel.id for channel in found.items]
        cursor = found.next_cursor

    assert seen == made[::-1]


async def test_deliveries_are_listed_by_channel_alert_and_state(notifier):
    one, two = await notifier.channel(), await notifier.channel()
    await notifier.tell(notifier.event("raised"), notifier.event("acked", 2))
    await notifier.change(two, enabled=False)

    assert len(await notifier.deliveries(channel_ids=[one.id])) == 2
    assert len(await notifier.deliveries(alert_ids=[one.id, notifier.alert])) == 4
    assert {delivery.channel_id for delivery in await notifier.deliveries(states=["dead"])} == {two.id}


async def test_deliveries_made_at_the_same_moment_are_each_on_one_page(notifier):
    await notifier.channel()
    await notifier.channel()
    await notifier.tell(notifier.event("raised"), notifier.event("acked", 2))

    seen, cursor = [], None
    while not seen or cursor:
        found = await notifier.answers.list_deliveries(ListDeliveries(limit=1, cursor=cursor))
        seen += [delivery.id for delivery in found.items]
        cursor = found.next_cursor

    assert len(seen) == len(set(seen)) == 4


async def test_a_cursor_that_is_none_is_refused(notifier):
    for question in (
        notifier.channels.list_channels(ListChannels(cursor="x")),
        notifier.answers.list_deliveries(ListDeliveries(cursor="x")),
    ):
        refused = await question
        assert isinstance(refused, Refusal)
        assert refused.errors[0].pointer == "/cursor"


async def test_a_delivery_is_shown_with_its_next_try(notifier):
    await notifier.channel(name="ops")
    await notifier.tell(notifier.event("raised"))

    (delivery,) = await notifier.deliveries()

    assert await notifier.answers.get_delivery(GetDelivery(id=delivery.id))
    assert (delivery.channel_name, delivery.event, delivery.state, delivery.attempts) == ("ops", "raised", "pending", 0)
    assert delivery.next_attempt_at == delivery.created_at


async def test_a_config_under_another_secret_key_cannot_be_changed(notifier):
    channel = await notifier.channel()
    notifier.channels = replace(notifier.channels, sealer=Sealer("another key of more than 32 characters"))

    refused = await notifier.change(channel, config={"url": URL})

    assert refused.status == 409
    assert (await notifier.change(channel, name="still works")).name == "still works"


async def test_a_test_shows_how_the_answer_began(notifier, receive):
    receiver = await receive()
    channel = await notifier.channel(receiver.url)
    receiver.answers.append(web.Response(status=400, text="no such room:\n\x1b[31m" + "x" * 900))
    refused = await notifier.channels.test_channel(TestChannel(id=channel.id))
    taken = await notifier.channels.test_channel(TestChannel(id=channel.id))

    assert refused.detail.startswith("the receiver answered 400: no such room: [31mxxx")
    assert len(refused.detail) < 340
    assert (taken.ok, taken.detail) == (True, "the receiver answered 200: thank you")

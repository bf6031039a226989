"""What is wrong with Keepwatch itself is told like anything else, through real processes."""

import nats
import pytest

from shared.own_host import OWN_HOST_ID
from shared.streams import STREAM
from tests.installation import receiving

RAISED, RESOLVED = "alert.raised", "alert.resolved"


@pytest.fixture
async def stream(keepwatch):
    client = await nats.connect(keepwatch.environ["KEEPWATCH_NATS_URL"].split(","))
    yield client.jetstream()
    await client.close()


async def own(api, kind: str, key: str):
    """The unresolved alert of Keepwatch itself with this key."""
    found = await api.get("/alerts", host_id=str(OWN_HOST_ID), kind=kind, state="unresolved", limit=200)
    return next((alert for alert in found["items"] if alert["dedup_key"] == key), None)


async def test_a_disabled_channel_is_told_to_the_others_and_so_is_its_return(api, receiver, host_name):
    async def told(kind: str, key: str):
        return [call for call in receiver.calls if call.type == kind and call.alert["dedup_key"] == key]

    async with receiving(api) as gone:
        (channel,) = [one for one in (await api.get("/channels"))["items"] if one["config"]["url"] == gone.url]
        gone.answers.append(410)
        await api.report(host_name, "etc", "failed")

        alert = await api.until(lambda: own(api, "channel_disabled", channel["id"]))
        assert (alert["host_name"], alert["severity"], alert["message"]) == (
            "keepwatch",
            "warning",
            "the receiver answered 410",
        )
        await api.until(lambda: told(RAISED, channel["id"]))

        status, _ = await api.call("PATCH", f"/channels/{channel['id']}", {"enabled": True})
        assert status == 200
        await api.until(lambda: told(RESOLVED, channel["id"]))
    assert {call.alert["host_id"] for call in await told(RAISED, channel["id"])} == {str(OWN_HOST_ID)}


@pytest.mark.parametrize(("service", "subject"), [("alerts", "job.finished"), ("notifier", "alert.raised")])
async def test_a_dead_letter_is_an_alert_can_be_seen_and_tried_again(api, stream, service, subject):
    async def letters():
        return (await api.get("/dead-letters", service=service))["items"]

    await stream.publish(subject, b"{not json", stream=STREAM)
    (letter,) = await api.until(letters)
    alert = await api.until(lambda: own(api, "dead_letter", service))

    shown = await api.get(f"/dead-letters/{letter['id']}")
    again = await api.post(f"/dead-letters/{letter['id']}/replay", expect=200)

    assert (shown["payload"], shown["service"]) == ("{not json", service)
    assert (again["replayed"], alert["severity"]) == (False, "critical")
    assert letter["id"] in {one["id"] for one in (await api.get("/dead-letters"))["items"]}
    await api.post(f"/alerts/{alert['id']}/resolve", {}, expect=204)

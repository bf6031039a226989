import asyncio
from uuid import uuid4

DUE = "enabled, events and filter match"


async def test_an_event_that_comes_twice_is_fanned_out_once(notifier):
    await notifier.channel()
    raised = notifier.event("raised")

    assert [await notifier.tell(raised), await notifier.tell(raised), await notifier.tell(raised, raised)] == [1, 0, 0]
    assert len(await notifier.deliveries()) == 1


async def test_an_event_that_comes_to_many_replicas_at_once_is_fanned_out_once(notifier):
    await notifier.channel()
    events = [notifier.event("raised", alert=uuid4()) for _ in range(20)]
    batches = [events, events[::-1], events[5:], events[:15][::-1]]

    made = await asyncio.gather(*(notifier.tell(*batch) for batch in batches))

    assert sum(made) == 20
    assert len(await notifier.deliveries()) == 20


async def test_a_later_event_waits_for_the_earlier_one(notifier):
    await notifier.channel()

    assert await notifier.tell(notifier.event("resolved", 3)) == 0
    assert await notifier.tell(notifier.event("acked", 2)) == 0
    assert await notifier.tell(notifier.event("raised", 1)) == 3

    assert [delivery.event for delivery in (await notifier.of_alert()).deliveries] == ["raised", "acked", "resolved"]


async def test_versions_that_race_are_all_fanned_out(notifier):
    """Each replica sees only its own event until the other one commits."""
    await notifier.channel()
    alerts = [uuid4() for _ in range(10)]
    changes = enumerate(["raised", "acked", "resolved"], start=1)
    batches = [[notifier.event(change, version, alert) for alert in alerts] for version, change in changes]

    await asyncio.gather(*(notifier.tell(*batch) for batch in batches))

    assert len(await notifier.deliveries()) == 30


async def test_a_gap_of_one_alert_holds_up_no_other(notifier):
    await notifier.channel()

    assert await notifier.tell(notifier.event("acked", 2), notifier.event("raised", 1, uuid4())) == 1


async def test_every_channel_has_a_decision_with_its_reason(notifier):
    await notifier.channel(name="all")
    await notifier.channel(name="off", enabled=False)
    await notifier.channel(name="critical", filter={"min_severity": "critical"})
    await notifier.channel(name="ends", events=["resolved"])

    await notifier.tell(notifier.event("raised"))

    assert await notifier.reasons() == [
        ("raised", "all", True, DUE),
        ("raised", "critical", False, "severity warning is below critical"),
        ("raised", "ends", False, "its events do not include raised"),
        ("raised", "off", False, "the channel is disabled"),
    ]
    assert len(await notifier.deliveries()) == 1


async def test_a_withheld_raise_withholds_what_follows(notifier):
    critical = await notifier.channel(name="critical", filter={"min_severity": "critical"})
    off = await notifier.channel(name="off", enabled=False)
    await notifier.tell(notifier.event("raised"))
    await notifier.change(critical, filter=None)
    await notifier.change(off, enabled=True)

    await notifier.tell(notifier.event("acked", 2), notifier.event("resolved", 3))

    assert [reason for event, *_, reason in await notifier.reasons() if event != "raised"] == [
        "the raise was withheld: severity warning is below critical",
        "the raise was withheld: the channel is disabled",
    ] * 2


async def test_a_withheld_raise_counts_in_the_same_batch_too(notifier):
    await notifier.channel(filter={"min_severity": "critical"})

    await notifier.tell(notifier.event("raised"), notifier.event("acked", 2, severity="critical"))

    assert await notifier.deliveries() == []


async def test_a_channel_made_since_the_raise_is_told_of_the_end(notifier):
    await notifier.tell(notifier.event("raised"))
    await notifier.channel(name="new")

    await notifier.tell(notifier.event("acked", 2))

    assert await notifier.reasons() == [("acked", "new", True, DUE)]


async def test_who_wants_ends_only_is_told_of_the_end(notifier):
    await notifier.channel(name="ends", events=["resolved"])

    await notifier.tell(notifier.event("raised"), notifier.event("resolved", 2))

    assert [delivery.event for delivery in await notifier.deliveries()] == ["resolved"]


async def test_decisions_outlive_their_channel(notifier):
    channel = await notifier.channel(name="short-lived")
    await notifier.tell(notifier.event("raised"))

    await notifier.delete(channel)

    assert await notifier.reasons() == [("raised", "short-lived", True, DUE)]

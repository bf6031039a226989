"""Replicas, redelivery and clocks reorder; the counts come out the same."""

import asyncio
import itertools
import random

import pytest
from structlog.testing import capture_logs

from services.alerts import handlers
from shared.asks.alerts import Acknowledge, Resolve
from shared.vocabulary import JobKind

WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def test_the_same_event_twice_counts_once(alerts):
    event = await alerts.fails()
    await alerts.tell(event, event)

    assert (await alerts.only()).occurrences == 1
    assert await alerts.evidence(event) == "applied"


async def test_a_success_older_than_the_newest_failure_resolves_nothing(alerts):
    await alerts.fails(at=10)
    late = await alerts.succeeds(at=5)

    assert (await alerts.only()).state == "open"
    assert await alerts.evidence(late) == "late"


async def test_a_failure_older_than_the_newest_success_raises_nothing(alerts):
    await alerts.succeeds(at=10)
    late = await alerts.fails(at=5)

    assert await alerts.all() == []
    assert await alerts.evidence(late) == "late"


async def test_a_failure_between_counts_and_keeps_the_newest_message(alerts):
    await alerts.fails(at=10, message="newest")
    await alerts.fails(at=5, message="older")

    alert = await alerts.only()
    assert (alert.occurrences, alert.message) == (2, "newest")


@pytest.mark.parametrize("order", list(itertools.permutations(["failed", "warning", "succeeded"])))
async def test_at_a_tie_failed_beats_warning_beats_succeeded(alerts, order):
    for status in order:
        await alerts.tell(alerts.event(status, at=1))

    assert [alert.kind for alert in await alerts.open()] == ["backup_failed"]


@pytest.mark.parametrize("order", list(itertools.permutations(["warning", "succeeded"])))
async def test_at_a_tie_warning_beats_succeeded(alerts, order):
    for status in order:
        await alerts.tell(alerts.event(status, at=1))

    assert [alert.kind for alert in await alerts.open()] == ["backup_warning"]


async def test_a_batch_tells_the_same_story_as_its_events_one_by_one(alerts):
    await alerts.tell(*[alerts.event(status, at=at) for at, status in enumerate(["failed", "failed", "succeeded"])],
                      *[alerts.event("failed", at=at) for at in (3, 4)])  # fmt: skip

    newest, oldest = await alerts.all()
    assert (oldest.state, oldest.occurrences) == ("resolved", 2)
    assert (newest.state, newest.occurrences) == ("open", 2)
    assert await alerts.told() == ["raised", "resolved", "raised"]


async def test_of_a_batch_that_clears_twice_the_first_is_what_resolved(alerts):
    """Once it was the last, so that an alert's page led to a job that had found nothing open."""
    await alerts.warns(at=0)
    success, failure = alerts.event("succeeded", at=1), alerts.event("failed", at=2)
    await alerts.tell(success, failure)

    (warning,) = await alerts.all(kinds=["backup_warning"])
    assert (warning.resolution, warning.resolved_job_id) == ("auto", success.job_id)


async def test_200_failures_that_race_are_one_alert_that_counts_200(alerts):
    events = [alerts.event("failed", at=random.random()) for _ in range(200)]
    batches = [events[start::10] for start in range(10)]
    raised = await asyncio.gather(*(alerts.tell(*batch) for batch in batches))

    assert sum(raised) == 1
    assert (await alerts.only()).occurrences == 200
    assert await alerts.told() == ["raised"]


async def test_events_that_race_over_many_keys_do_not_deadlock(alerts):
    def mixed():
        events = [
            alerts.event(random.choice(["failed", "succeeded", "warning"]), group=f"group {number}", at=random.random())
            for number in range(30)
        ]
        random.shuffle(events)
        return events

    with capture_logs() as lines:
        for _ in range(6):  # the first time they wait for connections rather than for each other
            await asyncio.gather(*(alerts.tell(*mixed()) for _ in range(8)))

    # A deadlock would be tried again, and only be slow.
    assert not [line for line in lines if line["event"] == "transaction collided"]
    open_keys = [(alert.kind, alert.dedup_key) for alert in await alerts.open()]
    assert len(open_keys) == len(set(open_keys))


async def test_a_batch_that_waits_for_its_first_key_has_locked_none_of_the_others(alerts, pool):
    """Whoever holds a later key already while it waits for an earlier one is half of a deadlock."""
    batch = [alerts.event("failed", group=f"group {number}") for number in range(60)]
    await alerts.tell(*batch)
    again = [alerts.event("failed", group=group, at=1) for group in random.sample(list(alerts.groups), len(batch))]
    ordered = "SELECT 1 FROM alerts.mark ORDER BY host_id, kind, dedup_key"
    async with pool.acquire() as other:
        async with other.transaction():
            await other.execute(f"{ordered} LIMIT 1 FOR UPDATE")
            waiting = asyncio.create_task(alerts.tell(*again))
            while not await pool.fetchval(WAITING):
                await asyncio.sleep(0.01)
            free = await pool.fetch(f"{ordered} FOR UPDATE SKIP LOCKED")
        await waiting

    assert len(free) == await pool.fetchval("SELECT count(*) - 1 FROM alerts.mark")


async def test_whatever_the_order_the_newest_evidence_decides(alerts):
    """A success that waited for a failure's lock once kept its old view, and resolved nothing."""
    for turn in range(20):
        group = f"group {turn}"
        failure, success = alerts.event("failed", group=group, at=0), alerts.event("succeeded", group=group, at=1)
        await asyncio.gather(alerts.tell(failure), alerts.tell(success))

    assert await alerts.open() == []


async def test_clicks_and_evidence_that_race_announce_each_transition_once(alerts):
    await asyncio.gather(*(alerts.fails(f"group {number}") for number in range(10)))
    ids = [alert.id for alert in await alerts.all()]
    await asyncio.gather(
        *(alerts.answers.acknowledge(Acknowledge(ids=ids, actor="ada")) for _ in range(3)),
        *(alerts.answers.resolve(Resolve(ids=list(reversed(ids)), actor="bob")) for _ in range(3)),
        *(alerts.succeeds(f"group {number}", at=1) for number in range(10)),
    )

    assert await alerts.open() == []
    for alert in await alerts.all():
        story = await alerts.timeline(alert)
        assert story in (["raised", "resolved"], ["raised", "acked", "resolved"])
        assert alert.version == len(story)


async def test_a_deletion_that_races_evidence_leaves_nothing_open(alerts):
    for turn in range(20):
        group = f"group {turn}"
        failure = alerts.event("failed", group=group)
        await asyncio.gather(alerts.tell(failure), alerts.tell(alerts.group_deleted(group)))

    assert await alerts.open() == []


async def test_resolving_by_hand_moves_no_mark(alerts):
    await alerts.fails(at=10)
    await alerts.answers.resolve(Resolve(ids=[(await alerts.only()).id], actor="ada"))
    await alerts.fails(at=5)

    assert len(await alerts.open()) == 1


async def test_a_crash_before_the_commit_leaves_nothing_behind(alerts, pool):
    event = alerts.event("failed", message="x\0y")  # PostgreSQL refuses NUL in text
    with pytest.raises(Exception, match="0x00"):
        await handlers.apply(pool, [event])

    assert await pool.fetchval("SELECT count(*) FROM alerts.inbox") == 0
    assert await pool.fetchval("SELECT count(*) FROM alerts.mark") == 0


async def test_check_evidence_without_group_keeps_to_its_kind(alerts):
    await alerts.fails(None, kind=JobKind.PRUNE, at=1)
    await alerts.succeeds(None, kind=JobKind.CHECK, at=2)

    assert [alert.kind for alert in await alerts.open()] == ["prune_failed"]

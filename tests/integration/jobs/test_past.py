"""The demo's past: jobs that are history from their birth."""

from datetime import timedelta

import pytest

from services.jobs.answers import ANSWERS, DEMO_ANSWERS
from services.jobs.answers import demo as answers
from shared.asks.demo import Past, PastBackup, TellPast
from shared.asks.jobs import ListJobs
from shared.clock import utc_now

NOW = utc_now()


@pytest.fixture
def tell(fleet):
    """Tells backups of a group: how each ended, so many days ago."""

    async def do(group, *nights, **fields):
        backups = [
            PastBackup(
                source_group_id=group.id,
                status=status,
                started_at=NOW - timedelta(days=days),
                finished_at=NOW - timedelta(days=days) + timedelta(minutes=5),
                **fields,
            )
            for status, days in nights
        ]
        return await answers.tell_past(fleet.desk, TellPast(body=Past(backups=backups)))

    return do


async def last_success(fleet, group):
    return await fleet.pool.fetchval("SELECT last_success_at FROM jobs.source_group WHERE id = $1", group.id)


async def test_the_past_is_written_as_it_is_told_and_nobody_hears_of_it(fleet, tell):
    group = await fleet.group(await fleet.host())

    assert await tell(group, ("succeeded", 3), ("failed", 2), summary={"total_bytes_processed": 7}) == 2

    newest, oldest = (await ANSWERS[ListJobs](fleet.desk, ListJobs())).items
    assert [newest.status, oldest.status] == ["failed", "succeeded"]
    began = NOW - timedelta(days=3)
    assert (oldest.trigger, oldest.created_at, oldest.started_at) == ("report", began, began)
    assert oldest.finished_at == began + timedelta(minutes=5)
    assert oldest.summary == {"total_bytes_processed": 7, "demo": True}
    assert await fleet.said() == []


async def test_told_again_it_adds_nothing(fleet, tell):
    group = await fleet.group(await fleet.host())
    await tell(group, ("succeeded", 3), ("succeeded", 2))

    assert await tell(group, ("succeeded", 3), ("succeeded", 2)) == 0
    # The next day's start knows a night that this group did not have: it is not older than all that it has.
    assert await tell(group, ("succeeded", 1)) == 0


async def test_the_past_ends_where_the_groups_own_jobs_begin(fleet, tell, backup):
    host = await fleet.host()
    group, other = await fleet.group(host), await fleet.group(host, "etc")
    await fleet.report(backup())
    await fleet.pool.execute("UPDATE jobs.job SET created_at = $1", NOW - timedelta(days=5))

    assert await tell(group, ("succeeded", 6), ("succeeded", 4)) == 1
    assert await tell(other, ("succeeded", 6), ("succeeded", 4)) == 2


async def test_nothing_of_the_past_is_in_the_future(fleet, tell):
    group = await fleet.group(await fleet.host())

    assert await tell(group, ("succeeded", -1)) == 0


async def test_the_last_success_follows_forwards_only(fleet, tell, backup):
    host = await fleet.host()
    group, other = await fleet.group(host), await fleet.group(host, "etc")

    await tell(group, ("warning", 3), ("failed", 2))
    assert await last_success(fleet, group) == NOW - timedelta(days=3) + timedelta(minutes=5)
    await fleet.report(backup(source_group="etc", status="succeeded"))
    now = await last_success(fleet, other)
    await tell(other, ("succeeded", 3))
    assert await last_success(fleet, other) == now


async def test_only_a_demo_answers_it():
    assert TellPast in DEMO_ANSWERS
    assert TellPast not in ANSWERS

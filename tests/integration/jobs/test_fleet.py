"""The fleet at a glance: what a month looked like, and how much is read to say so."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.jobs.answers import fleet as answers
from services.jobs.queries import fleet as queries
from shared.asks.fleet import DAYS, CountFleet, ShowFleet
from shared.clock import utc_now
from shared.refusal import Refusal
from shared.vocabulary import DayOutcome, HostStatus

TODAY = datetime(2026, 3, 31, tzinfo=UTC)


@pytest.fixture
def ran(pool):
    """Writes jobs of a group: how each ended, so many days before TODAY, at which hour."""

    async def write(group, *jobs, summary=None):
        await pool.executemany(
            """
            INSERT INTO jobs.job (host_id, kind, source_group_id, status, trigger, created_at, summary)
            VALUES ($1, 'backup', $2, $3, 'schedule', $4, $5)
            """,
            [
                (group.host_id, group.id, status, TODAY - timedelta(days=days) + timedelta(hours=hour), summary)
                for status, days, hour in jobs
            ],
        )

    return write


async def group_of(pool, host):
    ((shown,),) = (await queries.groups(pool, [host.id], TODAY.date())).values()
    return shown


async def test_a_day_is_the_worst_that_happened_on_it(fleet, pool, ran):
    host = await fleet.host()
    group = await fleet.group(host)
    await ran(group, ("succeeded", 0, 2), ("failed", 1, 2), ("succeeded", 1, 5), ("warning", 2, 2), ("succeeded", 2, 9))
    await ran(group, ("succeeded", 3, 23.99), ("cancelled", 4, 2), ("skipped", 5, 2), ("running", 6, 2))
    await ran(group, ("failed", 29, 0), ("failed", 30, 23.99), ("failed", -1, 0))

    days = (await group_of(pool, host)).days

    assert len(days) == DAYS
    assert days[-4:] == [DayOutcome.SUCCEEDED, DayOutcome.WARNING, DayOutcome.FAILED, DayOutcome.SUCCEEDED]
    assert days[0] is DayOutcome.FAILED
    assert set(days[1:-4]) == {DayOutcome.NOTHING}


async def test_a_size_is_what_the_newest_good_backup_of_three_days_read(fleet, pool, ran):
    host = await fleet.host()
    group = await fleet.group(host)
    await ran(group, ("succeeded", 2, 2), summary='{"total_bytes_processed": 100}')
    await ran(group, ("warning", 1, 2), summary='{"total_bytes_processed": 300}')
    await ran(group, ("failed", 0, 2), summary='{"total_bytes_processed": 900}')
    await ran(group, ("succeeded", 5, 2), summary="{}")

    assert (await group_of(pool, host)).sizes == [None] * 9 + [300]


@pytest.mark.parametrize("odd", ["-1", "1.5", "1e400", "true", '"7"', "[1]", "null", "9" * 5000])
async def test_what_somebody_put_in_the_place_of_a_size_is_no_size(fleet, pool, ran, odd):
    host = await fleet.host()
    await ran(await fleet.group(host), ("succeeded", 0, 2), summary=f'{{"total_bytes_processed": {odd}}}')

    assert (await group_of(pool, host)).sizes == [None] * 10


async def test_hosts_come_in_pages_with_their_groups_by_name_and_what_runs_next(fleet, backup):
    for name in ("web-02", "db-01", "web-01"):
        await fleet.host(name, repository=False, labels={"site": name[:-3]})
    web = (await answers.show(fleet.desk, ShowFleet(q="web-01"))).items[0].host
    for name in ("mail", "Etc"):
        await fleet.group(web, name)
    await fleet.schedule(web, cron="0 3 * * *")
    sooner = await fleet.schedule(web, kind="check", cron="* * * * *")
    await fleet.schedule(web, kind="prune", cron="* * * * *", enabled=False)

    first = await answers.show(fleet.desk, ShowFleet(limit=2))
    rest = await answers.show(fleet.desk, ShowFleet(limit=2, cursor=first.next_cursor))
    labelled = await answers.show(fleet.desk, ShowFleet(labels=["site=db"]))

    assert [each.host.name for each in first.items + rest.items] == ["db-01", "web-01", "web-02"]
    assert [group.name for group in first.items[1].groups] == ["Etc", "mail"]
    assert (first.items[1].next_run.kind, first.items[1].next_run.at) == ("check", sooner.next_run_at)
    assert (rest.items[0].next_run, rest.items[0].groups, rest.next_cursor) == (None, [], None)
    assert [each.host.name for each in labelled.items] == ["db-01"]
    assert first.today == utc_now().date()


async def test_a_strip_ends_with_what_was_just_reported(fleet, backup):
    host = await fleet.host()
    await fleet.group(host)
    await fleet.report(backup(status="warning", summary={"total_bytes_processed": 7}))

    (group,) = (await answers.show(fleet.desk, ShowFleet())).items[0].groups

    assert (group.days[-1], group.sizes[-1]) == (DayOutcome.WARNING, 7)
    assert group.last_success_at is not None


async def test_a_label_without_a_value_and_a_strange_cursor_are_refused(fleet):
    label = await answers.show(fleet.desk, ShowFleet(labels=["site"]))
    cursor = await answers.show(fleet.desk, ShowFleet(cursor="nonsense"))

    assert isinstance(label, Refusal)
    assert isinstance(cursor, Refusal)
    assert [label.errors[0].pointer, cursor.errors[0].pointer] == ["/label", "/cursor"]


async def test_hosts_and_jobs_are_counted_by_state(fleet, pool):
    for name in ("never", "gone", "here"):
        await fleet.host(name, repository=False)
    await pool.execute("UPDATE jobs.host SET last_seen_at = now() - interval '1 hour' WHERE name = 'gone'")
    await pool.execute("UPDATE jobs.host SET last_seen_at = now() WHERE name = 'here'")
    host = await fleet.host("busy")
    await fleet.running(host, await fleet.group(host, "a"))
    await fleet.run(await fleet.group(host, "b"))
    await fleet.dispatched(host, await fleet.group(host, "c"))

    counts = await answers.count(fleet.desk, CountFleet())

    assert counts.hosts == {HostStatus.NEVER_SEEN: 1, HostStatus.OFFLINE: 1, HostStatus.ONLINE: 2}
    assert (counts.running, counts.waiting) == (1, 2)


async def test_an_empty_fleet_is_counted_too(fleet):
    counts = await answers.count(fleet.desk, CountFleet())

    assert set(counts.hosts.values()) == {0}
    assert (await answers.show(fleet.desk, ShowFleet())).items == []


async def test_groups_of_another_host_stay_there(fleet, pool):
    host = await fleet.host()
    await fleet.group(host)

    assert await queries.groups(pool, [uuid4()], TODAY.date()) == {}

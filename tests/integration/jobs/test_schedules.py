"""Schedules: one backup per group and tick, whatever the number of replicas."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.jobs.answers import jobs, schedules
from services.jobs.schedules import fire
from shared.asks.jobs import ListJobs
from shared.asks.schedules import GetSchedule, PatchSchedule, PreviewSchedule, SchedulePatch
from shared.clock import utc_now


async def made(fleet):
    return (await jobs.list_newest(fleet.desk, ListJobs())).items


async def test_three_replicas_fire_a_tick_once_with_a_backup_per_group(fleet):
    host = await fleet.host()
    groups = [await fleet.group(host, name) for name in ("etc", "mail", "db")]
    schedule = await fleet.schedule(host)

    tick = schedule.next_run_at
    await asyncio.gather(*(fire(fleet.desk, tick) for _ in range(3)))
    await fire(fleet.desk, tick)

    assert {job.source_group_id for job in await made(fleet)} == {group.id for group in groups}
    assert {(job.status, job.trigger) for job in await made(fleet)} == {("queued", "schedule")}
    fired = await schedules.get(fleet.desk, GetSchedule(id=schedule.id))
    assert (fired.last_run_at, fired.next_run_at) == (tick, tick + timedelta(days=1))


async def test_nothing_fires_before_its_time(fleet):
    host = await fleet.host()
    await fleet.group(host)
    schedule = await fleet.schedule(host)

    await fire(fleet.desk, schedule.next_run_at - timedelta(seconds=1))

    assert await made(fleet) == []


async def test_ticks_missed_while_nothing_ran_fire_once_late(fleet):
    host = await fleet.host()
    await fleet.group(host)
    schedule = await fleet.schedule(host, cron="0 * * * *")

    late = schedule.next_run_at + timedelta(hours=30, minutes=7)
    await fire(fleet.desk, late)
    await fire(fleet.desk, late)

    assert len(await made(fleet)) == 1
    fired = await schedules.get(fleet.desk, GetSchedule(id=schedule.id))
    assert fired.next_run_at == late + timedelta(minutes=53)


async def test_a_group_that_still_runs_is_skipped_visibly_and_one_without_paths_is_passed_by(fleet, backup):
    host = await fleet.host()
    busy = await fleet.group(host, "busy")
    await fleet.report(backup(source_group="reported", status="succeeded"), create=True)
    running = await fleet.run(busy)
    schedule = await fleet.schedule(host)

    await fire(fleet.desk, schedule.next_run_at)

    (skipped,) = [job for job in await made(fleet) if job.trigger == "schedule"]
    assert (skipped.status, skipped.source_group_id) == ("skipped", busy.id)
    assert skipped.message == "skipped: the previous backup of this group has not finished"
    assert [event["kind"] for event in await fleet.said()] == ["backup"]
    assert (await fleet.job(running.id)).status == "queued"


async def test_a_schedule_names_its_groups_or_means_later_ones_too(fleet):
    host = await fleet.host()
    named = await fleet.group(host, "named")
    only = await fleet.schedule(host, source_group_ids=[named.id], cron="* * * * *")
    every = await fleet.schedule(host, cron="0 3 1 1 *", timezone="UTC")  # surely later, whatever the time is now
    later = await fleet.group(host, "later")

    await fire(fleet.desk, only.next_run_at)
    assert {job.source_group_id for job in await made(fleet)} == {named.id}
    await fleet.pool.execute("UPDATE jobs.job SET status = 'succeeded'")
    await fire(fleet.desk, max(every.next_run_at, only.next_run_at))
    assert later.id in {job.source_group_id for job in await made(fleet)}


@pytest.mark.parametrize(("kind", "status"), [("check", "queued"), ("prune", "queued"), ("forget", "skipped")])
async def test_a_schedule_about_the_repository_makes_one_job_without_a_group(fleet, kind, status):
    host = await fleet.host()
    await fleet.group(host)
    schedule = await fleet.schedule(host, kind=kind)

    await fire(fleet.desk, schedule.next_run_at)

    (job,) = await made(fleet)
    assert (job.kind, job.status, job.source_group_id) == (kind, status, None)


async def test_disabling_clears_the_next_run_and_enabling_reckons_it_anew(fleet):
    schedule = await fleet.schedule(await fleet.host())

    off = await schedules.patch(fleet.desk, PatchSchedule(id=schedule.id, changes=SchedulePatch(enabled=False)))
    on = await schedules.patch(fleet.desk, PatchSchedule(id=schedule.id, changes=SchedulePatch(enabled=True)))

    assert (off.enabled, off.next_run_at) == (False, None)
    assert (on.enabled, on.next_run_at) == (True, schedule.next_run_at)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"cron": "61 * * * *"}, "/cron"),
        ({"cron": "* * * *"}, "/cron"),
        ({"cron": "* * * * * *"}, "/cron"),
        ({"cron": "0 0 30 2 *"}, "/cron"),
        ({"cron": "@daily"}, "/cron"),
        ({"timezone": "Europe/Atlantis"}, "/timezone"),
        ({"timezone": "../etc/passwd"}, "/timezone"),
        ({"timezone": "Europe"}, "/timezone"),
        ({"timezone": "localtime"}, "/timezone"),
        ({"source_group_ids": ["00000000-0000-0000-0000-0000000000aa"]}, "/source_group_ids/0"),
        ({"kind": "prune", "source_group_ids": ["00000000-0000-0000-0000-0000000000aa"]}, "/source_group_ids"),
    ],
)
async def test_what_is_wrong_with_a_schedule_is_pointed_at(fleet, fields, pointer):
    refusal = await fleet.schedule(await fleet.host(), **fields)

    assert (refusal.status, refusal.errors[0].pointer) == (422, pointer)


async def test_the_next_run_is_on_the_clocks_of_its_timezone(fleet):
    schedule = await fleet.schedule(await fleet.host(), cron="30 2 1 1 *", timezone="Asia/Kolkata")

    year = utc_now().year + (0 if utc_now() < datetime(utc_now().year, 1, 1, tzinfo=UTC) else 1)
    assert schedule.next_run_at in {
        datetime(year - 1, 12, 31, 21, 0, tzinfo=UTC),
        datetime(year, 12, 31, 21, 0, tzinfo=UTC),
    }


async def test_a_timezone_that_is_gone_disables_its_schedule_and_holds_up_no_other(fleet):
    host = await fleet.host()
    await fleet.group(host)
    broken, fine = await fleet.schedule(host), await fleet.schedule(host, kind="check")
    await fleet.pool.execute("UPDATE jobs.schedule SET timezone = 'Europe/Gone' WHERE id = $1", broken.id)

    await fire(fleet.desk, fine.next_run_at)

    assert {job.kind for job in await made(fleet)} == {"backup", "check"}
    assert (await schedules.get(fleet.desk, GetSchedule(id=broken.id))).enabled is False


async def test_a_schedule_that_is_thought_of_tells_its_next_runs_or_what_is_wrong(fleet):
    runs = await schedules.preview(fleet.desk, PreviewSchedule(cron="30 2 * * *", timezone="UTC"))
    wrong = await schedules.preview(fleet.desk, PreviewSchedule(cron="never", timezone="Berlin"))

    assert [(run.hour, run.minute) for run in runs] == [(2, 30)] * 3
    assert utc_now() < runs[0] == runs[1] - timedelta(days=1) == runs[2] - timedelta(days=2)
    assert [error.pointer for error in wrong.errors] == ["/timezone", "/cron"]

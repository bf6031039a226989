"""The one door: every end is written with its announcement, from the job's own row."""

from datetime import datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from services.jobs.answers import jobs, source_groups
from services.jobs.dispatch import dispatch
from services.jobs.finish import finish_jobs
from services.jobs.model import End
from shared.asks.jobs import CancelJob, CreateJob, JobCreate
from shared.asks.source_groups import DeleteSourceGroup
from shared.clock import utc_now
from shared.vocabulary import JobStatus


async def test_an_end_is_announced_with_the_group_that_the_row_names(fleet):
    host = await fleet.host(labels={"env": "prod"})
    group = await fleet.group(host)
    job = await fleet.running(host, group)

    await fleet.ends(host, job.id, "warning", exit_code=3, summary={"unreadable_files": 14})

    (event,) = await fleet.said("job.finished")
    assert event["source_group_id"] == str(group.id)
    assert (event["source_group_name"], event["host_labels"]) == ("mail", {"env": "prod"})
    assert (event["status"], event["exit_code"], event["unreadable_files"]) == ("warning", 3, 14)
    assert event["last_success_at"] == event["evidence_at"]
    assert (await fleet.job(job.id)).status == "warning"


async def test_a_second_end_of_the_same_job_changes_nothing(fleet):
    host = await fleet.host()
    job = await fleet.running(host, await fleet.group(host))

    assert await fleet.ends(host, job.id, "succeeded") is None
    assert await fleet.ends(host, job.id, "failed") is None

    assert (await fleet.job(job.id)).status == "succeeded"
    assert len(await fleet.said("job.finished")) == 1


async def test_an_end_and_its_event_are_committed_together_or_not_at_all(fleet):
    host = await fleet.host()
    job = await fleet.running(host, await fleet.group(host))

    async with fleet.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        ended = await finish_jobs(connection, [End(job.id, JobStatus.FAILED)])
        await transaction.rollback()

    assert len(ended) == 1
    assert (await fleet.job(job.id)).status == "running"
    assert await fleet.said() == []


async def test_an_agent_may_end_its_own_hosts_jobs_only_and_an_unknown_one_is_forgotten(fleet):
    host, other = await fleet.host(), await fleet.host("db-01")
    job = await fleet.running(host, await fleet.group(host))

    assert (await fleet.ends(other, job.id)).status == 403
    assert await fleet.ends(host, uuid4()) is None

    assert (await fleet.job(job.id)).status == "running"


async def test_an_absurd_clock_and_unprintable_words_do_not_keep_an_agent_from_ending_a_job(fleet):
    host = await fleet.host()
    job = await fleet.running(host, await fleet.group(host))
    year_one = datetime.fromisoformat("0001-01-01T00:00:00+14:00")

    await fleet.ends(
        host, job.id, "failed", finished_at=year_one, message="a\0b" * 5000, summary={"a\0": ["\0", float("nan")]}
    )

    ended = await fleet.job(job.id)
    assert (ended.status, ended.summary) == ("failed", {"a\ufffd": ["\ufffd", None]})


async def test_a_queued_job_is_cancelled_at_once_and_told_as_cancelled(fleet):
    job = await fleet.run(await fleet.group(await fleet.host()))

    cancelled = await jobs.cancel(fleet.desk, CancelJob(id=job.id))

    assert cancelled.status == "cancelled"
    assert [event["status"] for event in await fleet.said()] == ["cancelled"]
    assert (await jobs.cancel(fleet.desk, CancelJob(id=job.id))).status == 409


async def test_a_running_job_is_cancelled_by_its_agent_whose_word_counts(fleet):
    host = await fleet.host()
    job = await fleet.running(host, await fleet.group(host))

    asked = await jobs.cancel(fleet.desk, CancelJob(id=job.id))
    await fleet.ends(host, job.id, "succeeded")

    assert asked.status == "running"
    assert (await fleet.job(job.id)).status == "succeeded"


async def test_a_job_cancelled_before_its_agent_began_it_ends_all_the_same(fleet):
    host = await fleet.host()
    job = await fleet.dispatched(host, await fleet.group(host))
    await jobs.cancel(fleet.desk, CancelJob(id=job.id))
    await fleet.pool.execute("UPDATE jobs.job SET cancel_requested_at = cancel_requested_at - interval '1 minute'")

    await dispatch(fleet.desk)

    assert (await fleet.job(job.id)).status == "cancelled"


async def test_one_unfinished_job_per_group_and_kind(fleet):
    host = await fleet.host()
    group = await fleet.group(host, retention={"keep_last": 3})
    job = await fleet.run(group)
    prune = await jobs.create(fleet.desk, CreateJob(host_id=host.id, body=JobCreate(kind="prune")))

    refusal = await fleet.run(group)
    again = await jobs.create(fleet.desk, CreateJob(host_id=host.id, body=JobCreate(kind="prune")))

    assert (refusal.status, refusal.extra) == (409, {"job_id": str(job.id)})
    assert again.extra == {"job_id": str(prune.id)}
    with pytest.raises(asyncpg.UniqueViolationError, match="one_unfinished_job_per_group"):
        await fleet.pool.execute(
            "INSERT INTO jobs.job (host_id, kind, source_group_id, status, trigger)"
            " VALUES ($1, 'backup', $2, 'running', 'manual')",
            host.id,
            group.id,
        )
    with pytest.raises(asyncpg.UniqueViolationError, match="one_unfinished_job_per_repository_kind"):
        await fleet.pool.execute(
            "INSERT INTO jobs.job (host_id, kind, status, trigger) VALUES ($1, 'prune', 'queued', 'manual')", host.id
        )


async def test_deleting_a_group_keeps_its_jobs_and_a_late_failure_names_no_group(fleet):
    host = await fleet.host()
    group, other = await fleet.group(host), await fleet.group(host, "etc")
    running, waiting = await fleet.running(host, group), await fleet.running(host, other)
    schedule = await fleet.schedule(host, source_group_ids=[group.id, other.id])

    for deleted in (group, other):
        assert await source_groups.delete(fleet.desk, DeleteSourceGroup(id=deleted.id)) is None
    await fleet.ends(host, running.id, "failed")

    assert [event["source_group_id"] for event in await fleet.said("source_group.deleted")] == [
        str(group.id),
        str(other.id),
    ]
    job = await fleet.job(running.id)
    assert (job.status, job.source_group_id, job.source_group_name) == ("failed", None, "mail")
    assert (await fleet.said("job.finished"))[0]["source_group_id"] is None
    assert (await fleet.job(waiting.id)).status == "running"
    assert await fleet.pool.fetchval("SELECT source_group_ids FROM jobs.schedule WHERE id = $1", schedule.id) == []


async def test_a_job_that_waits_for_its_agent_goes_with_its_group(fleet):
    group = await fleet.group(await fleet.host())
    job = await fleet.run(group)

    await source_groups.delete(fleet.desk, DeleteSourceGroup(id=group.id))

    assert (await fleet.job(job.id)).status == "cancelled"


async def test_a_job_in_the_future_of_its_agent_ended_when_we_heard_of_it(fleet):
    host = await fleet.host()
    job = await fleet.running(host, await fleet.group(host))
    ahead = utc_now() + timedelta(hours=3)

    await fleet.ends(host, job.id, "failed", finished_at=ahead - timedelta(minutes=2), sent_at=ahead)

    (event,) = await fleet.said()
    assert timedelta(minutes=2) <= utc_now() - datetime.fromisoformat(event["evidence_at"]) < timedelta(minutes=3)

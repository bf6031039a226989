"""How the last runs of the same went, for who looks at one of them."""

from datetime import timedelta

import pytest

from services.jobs.answers import jobs, repositories
from shared.asks.jobs import TellPastRuns
from shared.asks.repositories import ListRepositories
from shared.clock import utc_now


async def past(fleet, group, *, kind="backup", count=60):
    about_group = kind == "backup"
    asked = {
        "host_id": group.host_id,
        "kind": kind,
        "count": count,
        "source_group_id": group.id if about_group else None,
    }
    return await jobs.past_runs(fleet.desk, TellPastRuns(**asked))


async def test_past_runs_are_of_the_same_group_oldest_first_and_only_so_many(fleet):
    host = await fleet.host()
    etc, mail = await fleet.group(host, "etc"), await fleet.group(host, "mail")
    ended = []
    for status in ("succeeded", "failed", "warning"):
        job = await fleet.running(host, etc)
        await fleet.ends(host, job.id, status)
        ended.append(job.id)
    await fleet.running(host, mail)

    assert [(run.id, run.status) for run in await past(fleet, etc)] == list(
        zip(ended, ["succeeded", "failed", "warning"], strict=True)
    )
    assert [run.id for run in await past(fleet, etc, count=2)] == ended[1:]
    assert await past(fleet, mail) == []


async def test_a_job_that_never_began_took_no_time(fleet):
    host = await fleet.host()
    group = await fleet.group(host)
    job = await fleet.dispatched(host, group)
    await fleet.ends(host, job.id, "failed")

    assert await past(fleet, group) == []


async def test_jobs_about_the_repository_are_told_by_kind(fleet, backup):
    host = await fleet.host()
    group = await fleet.group(host)
    at = utc_now()
    times = {"started_at": at - timedelta(minutes=2), "finished_at": at}
    for kind in ("prune", "check", "prune"):
        await fleet.report({"host_id": host.id, "kind": kind, "status": "succeeded"} | times)

    assert len(await past(fleet, group, kind="prune")) == 2
    assert len(await past(fleet, group, kind="check")) == 1


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"total_bytes_processed": 1200, "data_added": 0}, (1200, 0)),
        ({"total_bytes_processed": "many", "data_added": -1}, (None, None)),
        ({"total_bytes_processed": 1e300, "data_added": None}, (None, None)),
        ({}, (None, None)),
    ],
)
async def test_a_size_is_what_a_summary_tells_if_it_is_one(fleet, told, known):
    host = await fleet.host()
    group = await fleet.group(host)
    job = await fleet.running(host, group)
    await fleet.ends(host, job.id, summary=told)

    (run,) = await past(fleet, group)
    assert (run.bytes_processed, run.bytes_added) == known


async def test_repositories_are_found_by_their_names_and_by_parts_of_name_and_address(fleet):
    await fleet.host("web-01")
    await fleet.host("db-01")

    async def found(**asked):
        page = await repositories.list_newest(fleet.desk, ListRepositories(**asked))
        return [repository.name for repository in page.items]

    assert await found(names=["WEB-01", "nobody"]) == ["web-01"]
    assert await found(q="B-0") == ["db-01", "web-01"]
    assert await found(q="/SRV/backup") == ["db-01", "web-01"]
    assert await found(q="%") == []

"""Reports of jobs that ran elsewhere: all or nothing, once, and in an order that can be relied on."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest

from services.jobs.answers import jobs
from services.jobs.reports import apply_reports
from shared.asks.jobs import Accepted, JobReport, ReportJobs, RunSourceGroup
from shared.clock import utc_now
from shared.db import in_transaction
from shared.refusal import Refusal


@pytest.fixture
async def host(fleet):
    host = await fleet.host()
    await fleet.group(host, "mail")
    await fleet.group(host, "etc")
    return host


def evidence(event):
    return datetime.fromisoformat(event["evidence_at"])


async def test_a_thousand_reports_are_one_answer_and_a_thousand_events(fleet, host, backup):
    accepted = await fleet.report(*[backup(status="succeeded")] * 1000)

    assert accepted.accepted == len(set(accepted.ids)) == 1000
    assert [event["job_id"] for event in await fleet.said()] == [str(job) for job in accepted.ids]


async def test_equal_times_about_one_group_stay_in_array_order_and_none_is_ahead_of_us(fleet, host, backup):
    await fleet.report(backup(), backup(status="succeeded"), backup(source_group="etc"))

    failed, succeeded, other = [evidence(event) for event in await fleet.said()]
    assert succeeded - failed == timedelta(microseconds=1)
    assert other == succeeded <= utc_now()


async def test_a_report_dated_next_year_counts_as_received(fleet, host, backup):
    next_year = utc_now() + timedelta(days=365)
    before = utc_now()

    (job,) = (await fleet.report(backup(status="succeeded", finished_at=next_year))).ids
    await fleet.report(backup())

    (first, second) = await fleet.said()
    assert before <= evidence(first) < evidence(second)
    assert (await fleet.job(job)).finished_at == next_year


async def test_a_wrong_clock_is_taken_out(fleet, host, backup):
    wrong = utc_now() - timedelta(days=400)

    await fleet.report(backup(finished_at=wrong - timedelta(minutes=5), sent_at=wrong))

    (event,) = await fleet.said()
    assert timedelta(minutes=5) <= utc_now() - evidence(event) < timedelta(minutes=6)


async def test_the_same_id_again_has_no_second_effect(fleet, host, backup):
    report = backup(id=uuid4())

    first = await fleet.report(report, report)
    again = await fleet.report(report)

    assert first.ids == [report["id"], report["id"]]
    assert again.ids == [report["id"]]
    assert len(await fleet.said()) == 1


async def test_an_id_of_another_host_or_of_an_agents_job_is_a_conflict(fleet, host, backup):
    other = await fleet.host("db-01")
    group = await fleet.group(other, "mail")
    agents = await fleet.run(group)
    reported = (await fleet.report(backup())).ids[0]

    for wanted in (backup(id=reported, host="db-01"), backup(id=agents.id, host="db-01"), backup(id=agents.id)):
        refusal = await fleet.report(backup(), wanted)
        assert isinstance(refusal, Refusal)
        assert refusal.status == 409
    assert len(await fleet.said()) == 1


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"host": "nobody"}, "/reports/1/host"),
        ({"host": None}, "/reports/1/host"),
        ({"host": None, "host_id": uuid4()}, "/reports/1/host_id"),
        ({"source_group": "nothing"}, "/reports/1/source_group"),
        ({"source_group": None, "source_group_id": uuid4()}, "/reports/1/source_group_id"),
    ],
)
async def test_what_is_unknown_is_pointed_at_and_nothing_is_applied(fleet, host, backup, wrong, pointer):
    refusal = await fleet.report(backup(), backup(**wrong))

    assert (refusal.status, [error.pointer for error in refusal.errors]) == (422, [pointer])
    assert await fleet.said() == []
    assert await fleet.pool.fetchval("SELECT count(*) FROM jobs.job") == 0


async def test_a_single_report_is_pointed_at_without_a_position(fleet, host, backup):
    refusal = await fleet.report(backup(source_group="nothing"), single=True)

    assert refusal.errors[0].pointer == "/source_group"


async def test_a_group_of_another_host_is_no_group_of_this_one(fleet, host, backup):
    foreign = await fleet.group(await fleet.host("db-01"), "db")

    refusal = await fleet.report(backup(source_group=None, source_group_id=foreign.id))

    assert refusal.errors[0].pointer == "/reports/0/source_group_id"


async def test_create_makes_hosts_and_groups_that_cannot_be_run(fleet, backup):
    refused = await fleet.report(backup(host="New"), backup(host_id=uuid4(), host=None), create=True)
    assert refused.status == 422
    assert await fleet.pool.fetchval("SELECT count(*) FROM jobs.host") == 0

    await fleet.report(backup(host="New"), backup(host="new", source_group="MAIL"), create=True)

    (group,) = await fleet.pool.fetch("SELECT id, paths, name FROM jobs.source_group")
    assert group["paths"] == []
    assert await fleet.pool.fetchval("SELECT count(*) FROM jobs.host WHERE token_hash IS NULL") == 1
    refusal = await jobs.run_group(fleet.desk, RunSourceGroup(source_group_id=group["id"]))
    assert refusal.status == 409


async def test_an_agents_token_reports_for_its_own_host_only(fleet, host, backup):
    await fleet.group(await fleet.host("db-01"), "mail")

    own = await fleet.report(backup(host=None), agent_host_id=host.id)
    foreign = await fleet.report(backup(host="db-01"), agent_host_id=host.id)
    unknown = await fleet.report(backup(host="nobody"), agent_host_id=host.id)

    assert own.accepted == 1
    assert (foreign.status, unknown.status) == (403, 403)


async def test_a_bad_request_among_concurrent_ones_is_refused_alone(fleet, host, backup):
    answers = await asyncio.gather(
        *(fleet.report(backup(host="nobody") if number == 3 else backup()) for number in range(8))
    )

    assert [isinstance(answer, Refusal) for answer in answers] == [number == 3 for number in range(8)]
    events = await fleet.said()
    assert len(events) == 7
    assert len({event["evidence_at"] for event in events}) == 7


async def test_last_success_counts_a_warning_and_only_moves_forward(fleet, host, backup):
    await fleet.report(backup(status="warning"))
    newest = await fleet.pool.fetchval("SELECT last_success_at FROM jobs.source_group WHERE name = 'mail'")
    await fleet.report(backup(status="succeeded", finished_at=utc_now() - timedelta(days=1)), backup())

    assert await fleet.pool.fetchval("SELECT last_success_at FROM jobs.source_group WHERE name = 'mail'") == newest
    assert newest is not None


async def test_a_report_that_three_clients_send_at_once_makes_its_host_and_is_accepted_three_times(pool, backup):
    """One of them makes the host and the job between two looks of another."""
    for _ in range(30):
        ask = ReportJobs(reports=[JobReport(**backup(id=uuid4(), host=f"web-{uuid4().hex[:8]}"))], create=True)
        work = partial(apply_reports, asks=[ask])
        found = await asyncio.gather(*(in_transaction(pool, work) for _ in range(3)))

        assert all(isinstance(answer, Accepted) for answers, _ in found for answer in answers), found
        assert sum(len(finished) for _, finished in found) == 1

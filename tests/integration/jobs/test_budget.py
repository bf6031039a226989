"""What reports cost, counted instead of timed."""

import pytest

from services.jobs.queries.outbox import mark, take
from services.jobs.reports import apply_reports
from shared.asks.jobs import JobReport, ReportJobs
from tests.budget import PAST, Cost, cost, gather_statistics, plan_by_index

STATEMENTS = 10
"""Known jobs, named hosts, locked hosts, named groups, the clock, jobs, last successes, jobs as they are, the outbox,
and one to spare; however many reports of hosts and groups that are known."""


@pytest.fixture(params=PAST)
async def report(pool, request):
    """What it costs to report how backups of so many groups ended, from this one on."""
    async with pool.acquire() as connection:
        await plan_by_index(connection)

        async def report(first: int, count: int, status: str = "failed") -> Cost:
            reports = [
                JobReport(host=f"host-{number // 10}", kind="backup", source_group=f"group-{number}", status=status)
                for number in range(first, first + count)
            ]
            ask = ReportJobs(reports=reports, create=True)
            return await cost(connection, "jobs", lambda tx: apply_reports(tx, [ask]))

        if request.param == PAST[1]:
            await report(10_000, 1000)
            published = [row.id for row in await take(connection, list(range(8)), 10_000)]
            await mark(connection, published, published)
            await gather_statistics(connection)
        yield report


@pytest.mark.parametrize("status", ["failed", "succeeded"])
async def test_many_reports_take_as_few_statements_as_one(report, status):
    await report(0, 500)
    one, many = await report(0, 1, status), await report(0, 500, status)

    assert len(one.statements) == len(many.statements) <= STATEMENTS


async def test_reports_read_about_as_much_as_they_are_about(report):
    await report(0, 1000)
    await report(1000, 1000)

    assert (await report(0, 20)).read.total() < 1000


async def test_the_outbox_reads_what_it_publishes(pool, report):
    await report(0, 1000)
    shares = list(range(8))
    async with pool.acquire() as connection:
        await plan_by_index(connection)
        await take(connection, [0], 1)  # it asks once what the types are that it meets
        await mark(connection, [], [])
        taken = await cost(connection, "jobs", lambda tx: take(tx, shares, 20))
        ids = [row.id for row in await take(connection, shares, 20)]
        marked = await cost(connection, "jobs", lambda tx: mark(tx, ids, ids))

    assert (len(taken.statements), len(marked.statements)) == (1, 1)
    assert taken.read.total() < 100
    assert marked.read.total() < 200


async def test_of_last_successes_no_index_is_told(report):
    await report(0, 500, "failed")

    assert (await report(0, 500, "succeeded")).moved["source_group"] <= 25

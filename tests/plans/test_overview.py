"""The overview reads about as much as it shows, however large the fleet and however much is wrong."""

from datetime import UTC, datetime

import pytest

from services.alerts.queries import reads
from services.jobs.queries import fleet, hosts
from shared.asks.hosts import ListHosts

SHOWN = 25


@pytest.fixture
async def month(pool, fill):
    """1,000 hosts with three groups, a month of nightly backups each; the ids of a page of hosts."""
    await fill(
        """
        INSERT INTO jobs.host (name, last_seen_at)
        SELECT 'host-' || lpad(n::text, 4, '0'), now() FROM generate_series(1, 1000) AS n
        """,
        """
        INSERT INTO jobs.source_group (host_id, name, paths)
        SELECT id, word, '{/srv}' FROM jobs.host, unnest(ARRAY['etc', 'mail', 'databases']) AS word
        """,
        """
        INSERT INTO jobs.job (host_id, kind, source_group_id, status, trigger, created_at, summary)
        SELECT host_id, 'backup', id, 'succeeded', 'schedule', now() - make_interval(days => day),
               jsonb_build_object('total_bytes_processed', 3e9, 'snapshot_id', repeat('5', 64))
        FROM generate_series(29, 0, -1) AS day, jobs.source_group
        """,
        "INSERT INTO jobs.job (host_id, kind, status, trigger) SELECT id, 'check', 'queued', 'schedule' FROM jobs.host",
        tables=("jobs.host", "jobs.source_group", "jobs.job"),
    )
    rows = await pool.fetch("SELECT id FROM jobs.host WHERE name > 'host-0500' ORDER BY name LIMIT $1", SHOWN)
    return [row["id"] for row in rows]


@pytest.fixture
async def disaster(pool, fill):
    """20,000 unresolved alerts and as many that are over; the ids of a page of hosts."""
    await fill(
        """
        INSERT INTO alerts.alert (host_id, host_name, kind, dedup_key, severity, title, first_seen_at, last_seen_at,
                                  acked_at, resolved_at, resolution)
        SELECT md5((n / 8)::text)::uuid, 'web', 'backup_failed', n::text,
               (ARRAY['info', 'warning', 'warning', 'critical'])[1 + n / 2 % 4], 'failed',
               now() - make_interval(secs => n), now(), CASE WHEN n % 10 < 5 THEN now() END,
               CASE WHEN n % 2 = 0 THEN now() END, CASE WHEN n % 2 = 0 THEN 'auto' END
        FROM generate_series(1, 40000) AS n
        """,
        tables=("alerts.alert",),
    )
    rows = await pool.fetch("SELECT DISTINCT host_id FROM alerts.alert LIMIT $1", SHOWN)
    return [row["host_id"] for row in rows]


async def test_a_page_of_hosts_is_read_in_the_order_of_names(plan_of, month):
    plan = await plan_of(hosts.by_name, ListHosts(limit=SHOWN), None)

    assert ("Index Scan", "one_host_per_name") in plan.scans
    assert plan.rows_read <= 3 * (SHOWN + 1)


async def test_months_come_from_the_index_and_sizes_from_one_job_of_three_days(plan_of, month):
    plan = await plan_of(fleet.groups, month, datetime.now(UTC).date())

    assert ("Index Only Scan", "jobs_of_a_group_and_how_they_ended") in plan.scans
    assert ("Seq Scan", "job") not in plan.scans
    groups = 3 * SHOWN
    assert plan.rows_read <= groups + 30 * groups + 10 * groups


async def test_unfinished_jobs_are_counted_without_a_look_at_them(plan_of, month):
    plan = await plan_of(fleet.unfinished_by_status)

    assert plan.scans == {("Index Only Scan", "unfinished_jobs_by_status")}
    assert plan.rows_read == 1000


async def test_the_worst_are_the_head_of_a_line(plan_of, disaster):
    plan = await plan_of(reads.worst_first, 8)

    assert plan.scans == {("Index Scan", "shown_unresolved_alerts_worst_first")}
    assert plan.rows_read == 8


async def test_alerts_are_counted_from_the_index_and_not_beyond_the_most(plan_of, disaster):
    plan = await plan_of(reads.count_in_line, 1000)

    assert plan.scans == {("Index Only Scan", "shown_unresolved_alerts_worst_first")}
    assert plan.rows_read <= 6 * 1000


async def test_trouble_of_a_page_is_all_that_is_read_for_it(plan_of, disaster):
    plan = await plan_of(reads.trouble_of, disaster)

    assert ("Seq Scan", "alert") not in plan.scans
    assert plan.rows_read <= SHOWN * 8

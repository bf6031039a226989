"""What a canary leaves behind is in nobody's way: lists read what they show."""

import pytest

from services.alerts.queries import reads
from services.notifier.queries import reads as delivery_reads
from shared.asks.deliveries import ListDeliveries


@pytest.fixture
async def canaries(fill):
    """5,000 canaries since anything else happened."""
    await fill(
        """
        INSERT INTO alerts.alert (host_id, host_name, kind, severity, title, first_seen_at, last_seen_at, resolved_at,
                                  resolution)
        SELECT CASE WHEN n > 5000 THEN gen_random_uuid() ELSE '00000000-0000-0000-0000-000000000002' END, 'x',
               'backup_failed', 'warning', 'failed', now() - make_interval(secs => n), now(), now(), 'auto'
        FROM generate_series(1, 6000) AS n
        """,
        """
        INSERT INTO notifier.event (alert_id, version, event_id, type, payload)
        SELECT md5(n::text)::uuid, 1, gen_random_uuid(), 'raised', '{}' FROM generate_series(1, 6000) AS n
        """,
        """
        INSERT INTO notifier.delivery (alert_id, version, channel_id, channel_name, event, state, created_at,
                                       delivered_at)
        SELECT md5(n::text)::uuid, 1,
               CASE WHEN n > 5000 THEN gen_random_uuid() ELSE '00000000-0000-0000-0000-000000000002' END, 'x',
               'raised', 'delivered', now() - make_interval(secs => n), now()
        FROM generate_series(1, 6000) AS n
        """,
        tables=("alerts.alert", "notifier.event", "notifier.delivery"),
    )


async def test_a_page_of_alerts_does_not_read_past_canaries(plan_of, canaries):
    plan = await plan_of(
        reads.newest_first,
        ids=[],
        states=[],
        host_ids=[],
        kinds=[],
        severities=[],
        source_group_ids=[],
        dedup_key=None,
        words=None,
        before=(None, None),
        limit=51,
    )

    assert plan.scans == {("Index Scan", "shown_alerts_newest_first")}
    assert plan.rows_read == 51


async def test_a_page_of_deliveries_does_not_read_past_canaries(plan_of, canaries):
    plan = await plan_of(delivery_reads.newest_first, ListDeliveries(limit=50), None, None)

    assert ("Index Scan", "shown_deliveries_newest_first") in plan.scans
    assert plan.rows_read < 3 * 51

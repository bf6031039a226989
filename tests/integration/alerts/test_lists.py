"""Lists of alerts: newest first, filtered, in pages."""

import pytest

from services.alerts.queries import reads
from shared import cursor
from shared.asks.alerts import CountUnresolved, GetAlert, ListAlerts, ListAlertsOfJob
from shared.refusal import Refusal


async def test_pages_are_newest_first_and_lose_nothing(alerts):
    for number in range(7):
        await alerts.fails(f"group {number}", at=number // 2)  # ties among them

    seen, place = [], None
    while True:
        page = await alerts.answers.list_alerts(ListAlerts(limit=3, cursor=place))
        seen += page.items
        if (place := page.next_cursor) is None:
            break
    assert len({alert.id for alert in seen}) == 7
    assert [alert.first_seen_at for alert in seen] == sorted((alert.first_seen_at for alert in seen), reverse=True)


@pytest.mark.parametrize("place", ["", "nonsense", "W10", "WyJhIiwiYiJd", "é"])
async def test_a_cursor_of_nobody_is_refused(alerts, place):
    answer = await alerts.answers.list_alerts(ListAlerts(cursor=place))

    assert isinstance(answer, Refusal)
    assert (answer.status, answer.errors[0].pointer) == (422, "/cursor")


async def test_filters_narrow_and_repeat(alerts):
    await alerts.fails("etc", error_class="wrong_password")
    await alerts.fails("mail archive")
    await alerts.warns("db")

    assert len(await alerts.all(kinds=["backup_failed", "backup_warning"])) == 3
    assert [alert.source_group_name for alert in await alerts.all(severities=["critical"])] == ["etc"]
    assert [alert.source_group_name for alert in await alerts.all(source_group_ids=[alerts.groups["db"]])] == ["db"]
    assert [alert.source_group_name for alert in await alerts.all(q="ARCH web")] == ["mail archive"]
    assert await alerts.all(q="rchive") == []
    assert len(await alerts.all(states=["open", "resolved"], host_ids=[alerts.host])) == 3


async def test_counts_per_host(alerts):
    await alerts.fails("etc")
    await alerts.fails("mail")
    await alerts.succeeds("mail", at=1)

    assert await alerts.answers.count_unresolved(CountUnresolved(host_ids=[alerts.host])) == {alerts.host: 1}


async def test_an_unknown_alert_is_not_found(alerts):
    answer = await alerts.answers.get_alert(GetAlert(id=alerts.host))

    assert isinstance(answer, Refusal)
    assert answer.status == 404


async def test_alerts_are_found_by_their_ids(alerts):
    for group in ("etc", "mail", "db"):
        await alerts.fails(group)
    wanted = [alert.id for alert in await alerts.all() if alert.source_group_name != "mail"]

    assert {alert.id for alert in await alerts.all(ids=[*wanted, alerts.host])} == set(wanted)


async def test_the_earlier_alerts_of_a_key_are_found_and_no_others(alerts):
    for minute in range(3):
        await alerts.fails("etc", at=2 * minute)
        await alerts.fails("mail", at=2 * minute)
        await alerts.succeeds("etc", at=2 * minute + 1)
    await alerts.fails("etc", at=10)
    newest = (await alerts.all(source_group_ids=[alerts.groups["etc"]]))[0]
    earlier = ListAlerts(
        host_ids=[newest.host_id],
        kinds=[newest.kind],
        dedup_key=newest.dedup_key,
        cursor=cursor.encode(newest.first_seen_at, newest.id),
    )

    found = (await alerts.answers.list_alerts(earlier)).items
    assert [(alert.source_group_name, alert.resolution) for alert in found] == [("etc", "auto")] * 3


async def test_a_host_s_alerts_are_read_without_a_look_at_the_others(alerts):
    """A page of one host must not cost more the more other hosts have failed."""
    await alerts.fails("etc")
    await alerts.pool.execute(
        """
        INSERT INTO alerts.alert (host_id, host_name, kind, dedup_key, severity, title, first_seen_at, last_seen_at,
                                  resolved_at, resolution)
        SELECT gen_random_uuid(), 'other', 'backup_failed', '', 'warning', 't', now(), now(), now(), 'auto'
        FROM generate_series(1, 5000)
        """
    )

    async with alerts.pool.acquire() as connection:

        async def rows_read() -> int:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            return await connection.fetchval(
                """
                SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables
                WHERE schemaname = 'alerts' AND relname = 'alert'
                """
            )

        before = await rows_read()
        filters = dict.fromkeys(("ids", "states", "kinds", "severities", "source_group_ids"), ())
        found = await reads.newest_first(
            connection, **filters, host_ids=[alerts.host], dedup_key=None, words=None, before=(None, None), limit=50
        )

        assert [alert.host_id for alert in found] == [alerts.host]
        assert await rows_read() - before < 10


async def effects(alerts, event, **changes):
    """What alerts says that the end of a job did."""
    asked = {"job_id": event.job_id, "host_id": event.host_id, "kind": event.kind, "status": event.status}
    asked |= {"source_group_id": event.source_group_id, "created_at": event.started_at} | changes
    found = await alerts.answers.alerts_of_job(ListAlertsOfJob(**asked))
    return [(alert.effect, alert.title, alert.state) for alert in found]


async def test_a_job_leads_to_the_alerts_that_its_end_raised_counted_on_or_resolved(alerts):
    first = await alerts.fails("etc", at=0)
    again = await alerts.fails("etc", at=1)
    await alerts.fails("mail", at=1)
    title = "web-01 / etc: backup failed, repository locked"
    assert await effects(alerts, first) == [("raised", title, "open")]
    assert await effects(alerts, again) == [("counted", title, "open")]

    success = await alerts.succeeds("etc", at=2)

    assert await effects(alerts, first) == [("raised", title, "resolved")]
    assert await effects(alerts, success) == [("resolved", title, "resolved")]


async def test_a_failure_older_than_the_alert_does_not_count_on_it(alerts):
    old = await alerts.fails("etc", at=0)
    await alerts.succeeds("etc", at=1)
    await alerts.fails("etc", at=2)

    assert [effect for effect, _, _ in await effects(alerts, old)] == ["raised"]


async def test_a_job_about_the_repository_counts_on_the_alert_of_its_kind(alerts):
    await alerts.fails(None, at=0, kind="prune")
    again = await alerts.fails(None, at=1, kind="prune")
    check = await alerts.fails(None, at=1, kind="check")

    assert [effect for effect, _, _ in await effects(alerts, again)] == ["counted"]
    assert [effect for effect, _, _ in await effects(alerts, check)] == ["raised"]

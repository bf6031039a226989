"""Lists of alerts: newest first, filtered, in pages."""

import pytest

from shared.asks.alerts import CountUnresolved, GetAlert, ListAlerts
from shared.refusal import Refusal


async def test_pages_are_newest_first_and_lose_nothing(alerts):
    for number in range(7):
        await alerts.fails(f"group {number}", at=number // 2)  # ties among them

    seen, cursor = [], None
    while True:
        page = await alerts.answers.list_alerts(ListAlerts(limit=3, cursor=cursor))
        seen += page.items
        if (cursor := page.next_cursor) is None:
            break
    assert len({alert.id for alert in seen}) == 7
    assert [alert.first_seen_at for alert in seen] == sorted((alert.first_seen_at for alert in seen), reverse=True)


@pytest.mark.parametrize("cursor", ["", "nonsense", "W10", "WyJhIiwiYiJd", "é"])
async def test_a_cursor_of_nobody_is_refused(alerts, cursor):
    answer = await alerts.answers.list_alerts(ListAlerts(cursor=cursor))

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

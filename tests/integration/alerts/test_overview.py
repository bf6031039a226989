"""What is wrong now: the worst first, how much there is, and where."""

from shared.asks.alerts import Acknowledge, CountAlerts, FindTrouble, WorstFirst
from shared.vocabulary import AlertKind, Severity


async def worst(alerts, limit=8):
    return [
        (alert.source_group_name, alert.state) for alert in await alerts.answers.worst_first(WorstFirst(limit=limit))
    ]


async def acknowledge(alerts, *groups):
    ids = [alert.id for alert in await alerts.open() if alert.source_group_name in groups]
    await alerts.answers.acknowledge(Acknowledge(ids=ids, actor="jana"))


async def test_open_comes_before_acknowledged_worse_before_milder_newer_before_older(alerts):
    await alerts.warns("info", at=9)
    await alerts.fails("older", at=1)
    await alerts.fails("newer", at=2)
    await alerts.fails("critical", at=0, error_class="wrong_password")
    await alerts.fails("taken", at=8, error_class="repo_missing")
    await alerts.warns("taken too", at=8)
    await alerts.fails("over", at=3)
    await alerts.succeeds("over", at=4)
    await acknowledge(alerts, "taken", "taken too")

    expected = [
        *(("critical", "open"), ("newer", "open"), ("older", "open"), ("info", "open")),
        *(("taken", "acked"), ("taken too", "acked")),
    ]
    assert await worst(alerts) == expected
    assert await worst(alerts, limit=3) == expected[:3]


async def test_nothing_is_wrong_where_nothing_is_wrong(alerts):
    assert await worst(alerts) == []
    assert await alerts.answers.find_trouble(FindTrouble(host_ids=[alerts.host])) == []
    counts = await alerts.answers.count_alerts(CountAlerts())
    assert (counts.open, counts.acked) == (dict.fromkeys(Severity, 0), 0)


async def test_open_ones_are_counted_by_severity_and_acknowledged_ones_together(alerts):
    await alerts.warns("a")
    await alerts.fails("b")
    await alerts.fails("c")
    await alerts.fails("d", error_class="wrong_password")
    await alerts.fails("e", error_class="wrong_password")
    await alerts.fails("over")
    await alerts.succeeds("over", at=1)
    await acknowledge(alerts, "c", "e")

    counts = await alerts.answers.count_alerts(CountAlerts())

    assert counts.open == {Severity.CRITICAL: 1, Severity.WARNING: 1, Severity.INFO: 1}
    assert counts.acked == 2


async def test_counting_ends_at_the_most_that_is_said(alerts, monkeypatch):
    monkeypatch.setattr("services.alerts.answers.MOST_COUNTED", 3)
    for number in range(5):
        await alerts.fails(f"group {number}")
        await alerts.warns(f"acked {number}")
    await acknowledge(alerts, *(f"acked {number}" for number in range(5)))

    counts = await alerts.answers.count_alerts(CountAlerts())

    assert (counts.open[Severity.WARNING], counts.acked) == (3, 3)


async def test_trouble_is_told_by_group_with_the_worst_of_it(alerts):
    await alerts.silent()
    await alerts.fails("etc", error_class="wrong_password")
    await alerts.fails("mail")
    await alerts.warns("db", at=1)
    await acknowledge(alerts, "mail")
    # A synthetic alert of the same group, milder than the real one.
    await alerts.warns("etc", dedup_key="fake", synthetic=True)

    found = await alerts.answers.find_trouble(FindTrouble(host_ids=[alerts.host]))

    told = {each.source_group_id: (each.alerts, each.worst, each.acked) for each in found}
    assert told == {
        None: (1, Severity.WARNING, False),
        alerts.groups["etc"]: (2, Severity.CRITICAL, False),
        alerts.groups["mail"]: (1, Severity.WARNING, True),
        alerts.groups["db"]: (1, Severity.INFO, False),
    }
    worst_of_etc = next(each.worst_id for each in found if each.source_group_id == alerts.groups["etc"])
    assert [alert.kind for alert in await alerts.open() if alert.id == worst_of_etc] == [AlertKind.BACKUP_FAILED]

import json

from tests.unit.cli_client.things import AT, alert, delivery, identity


def detail(**fields):
    entry = {"type": "acked", "at": AT, "actor": "admin", "note": "on it"}
    return {**alert(), "timeline": [entry], "deliveries": [delivery()], "decisions": [], **fields}


def test_show_tells_what_to_do_and_what_happened(gateway, keepwatch):
    gateway.answers("GET", f"/alerts/{identity('d1')}", detail())

    shown = keepwatch("alerts", "show", identity("d1")).stdout

    assert "Another restic works on it." in shown
    assert "on it" in shown
    assert "503 Service Unavailable" in shown


def test_show_works_while_notifier_does_not_answer(gateway, keepwatch):
    gateway.answers("GET", f"/alerts/{identity('d1')}", detail(deliveries=None, decisions=None))

    assert keepwatch("alerts", "show", identity("d1")).exit_code == 0


def test_show_json_is_the_apis_answer(gateway, keepwatch):
    gateway.lists["/alerts"] = [alert()]
    gateway.answers("GET", f"/alerts/{identity('d1')}", detail())

    assert json.loads(keepwatch("alerts", "show", "000000d1", "--json").stdout) == detail()


def test_ack_with_a_note(gateway, keepwatch):
    gateway.lists["/alerts"] = [alert()]
    gateway.answers("POST", f"/alerts/{identity('d1')}/ack", status=204)

    result = keepwatch("alerts", "ack", "000000d1", "--note", "on it")

    assert result.stdout == "Acknowledged: 000000d1.\n"
    assert gateway.writes() == [("POST", f"/alerts/{identity('d1')}/ack", {"note": "on it"})]


def test_one_unknown_alert_and_nothing_is_done(gateway, keepwatch):
    gateway.lists["/alerts"] = [alert()]

    result = keepwatch("alerts", "resolve", "000000d1", "00009999")

    assert result.exit_code == 1
    assert gateway.writes() == []


def test_a_resolved_alert_cannot_be_acknowledged(gateway, keepwatch):
    problem = {"title": "Conflict", "detail": "The alert is resolved."}
    gateway.answers("POST", f"/alerts/{identity('d1')}/ack", problem, status=409)

    result = keepwatch("alerts", "ack", identity("d1"))

    assert (result.exit_code, result.stderr) == (1, "Error: The alert is resolved.\n")


def test_a_fake_alert_and_its_end(gateway, keepwatch):
    gateway.answers("POST", "/alerts/fake", status=202)

    assert keepwatch("fake-alert", "--host", "web-01", "--dedup-key", "k", "--message", "m", "--resolve").exit_code == 0

    body = {"host": "web-01", "kind": "backup_failed", "dedup_key": "k", "message": "m", "resolve": True}
    assert gateway.writes() == [("POST", "/alerts/fake", body)]

import json

import pytest

from tests.unit.cli_client.things import AT, alert, identity

OWN = "00000000-0000-0000-0000-000000000001"


def letter(**fields):
    known = {"id": identity("a7"), "service": "notifier", "subject": "alert.raised", "stream_seq": 5, "created_at": AT,
             "error": "1 validation error\n  Field required"}  # fmt: skip
    return known | fields


def test_a_line_each(gateway, keepwatch):
    gateway.lists["/dead-letters"] = [letter()]

    result = keepwatch("dead-letters", "list", "--service", "notifier")

    assert gateway.asked[-1][2]["service"] == ["notifier"]
    (_, row) = result.stdout.splitlines()
    assert row.startswith("000000a7  notifier  alert.raised")
    assert row.endswith("1 validation error Field required")


def test_shown_with_what_it_says(gateway, keepwatch):
    gateway.lists["/dead-letters"] = [letter()]
    gateway.answers("GET", f"/dead-letters/{identity('a7')}", letter(payload='{"x": "\x1b[31m"}', payload_bytes=14))

    shown = keepwatch("dead-letters", "show", "000000a7").stdout

    assert '{"x": "' in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(("replayed", "code"), [(True, 0), (False, 1)])
def test_replayed_or_not(gateway, keepwatch, replayed, code):
    answer = {"id": identity("a7"), "replayed": replayed, "error": None if replayed else "no JSON"}
    gateway.answers("POST", f"/dead-letters/{identity('a7')}/replay", answer)

    result = keepwatch("dead-letters", "replay", identity("a7"))
    as_json = keepwatch("dead-letters", "replay", identity("a7"), "--json")

    assert (result.exit_code, as_json.exit_code) == (code, code)
    assert (result.stdout, result.stderr) == (
        ("Replayed: 000000a7.\n", "") if replayed else ("", "Not replayed: no JSON\n")
    )
    assert json.loads(as_json.stdout) == answer


def test_alerts_of_keepwatch_itself_go_by_its_name(gateway, keepwatch):
    gateway.lists["/alerts"] = [alert()]
    gateway.answers("POST", f"/alerts/{identity('d1')}/ack", status=204)

    keepwatch("alerts", "list", "--host", "keepwatch")
    result = keepwatch("alerts", "ack", "keepwatch")

    assert [asked[2]["host_id"] for asked in gateway.asked if asked[0] == "GET"] == [[OWN], [OWN]]
    assert result.exit_code == 0

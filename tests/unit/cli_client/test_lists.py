"""Lists: tables for people, page objects for programs."""

import json

from tests.unit.cli_client.things import alert, channel, delivery, group, host, identity, job


def test_alerts_are_the_unresolved_ones_by_default(gateway, keepwatch):
    gateway.lists["/alerts"] = [alert()]

    result = keepwatch("alerts", "list")

    assert gateway.asked[-1][2] == {"state": ["unresolved"], "limit": ["50"]}
    title, row = result.stdout.splitlines()
    assert title.split() == ["ID", "SEVERITY", "STATE", "TIMES", "LAST", "SEEN", "TITLE"]
    assert row.startswith("000000d1  warning   open   3")
    assert row.endswith("web-01 / mail: backup failed, repository locked")


def test_what_is_not_a_terminal_gets_no_colours_and_no_wrapped_lines(gateway, keepwatch):
    gateway.lists["/alerts"] = [alert(title="word " * 100)]

    result = keepwatch("alerts", "list")

    assert "\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) == 2


def test_text_from_hosts_cannot_take_over_the_terminal(gateway, keepwatch):
    gateway.lists["/alerts"] = [alert(title="\x1b]0;owned\x07[red]web-01")]

    result = keepwatch("alerts", "list")

    assert "\x1b" not in result.stdout
    assert "[red]web-01" in result.stdout


def test_json_is_the_apis_own_page(gateway, keepwatch):
    gateway.lists["/alerts"] = [alert("d1"), alert("d2")]

    result = keepwatch("alerts", "list", "--json", "--limit", "1")

    assert json.loads(result.stdout) == {"items": [alert("d1")], "next_cursor": "1"}


def test_all_follows_the_cursor(gateway, keepwatch):
    gateway.lists["/jobs"] = [job(end=f"c{number}") for number in range(5)]

    result = keepwatch("jobs", "list", "--all", "--limit", "2")

    assert len(result.stdout.splitlines()) == 1 + 5
    assert [asked[2].get("cursor") for asked in gateway.asked] == [None, ["2"], ["4"]]


def test_a_cut_list_says_so(gateway, keepwatch):
    gateway.lists["/jobs"] = [job(end=f"c{number}") for number in range(3)]

    result = keepwatch("jobs", "list", "--limit", "2")

    assert "There are more than these 2" in result.stderr


def test_filters_take_names(gateway, keepwatch):
    gateway.lists["/hosts"] = [host()]
    gateway.lists[f"/hosts/{identity('a1')}/source-groups"] = [group()]
    gateway.lists["/jobs"] = []

    keepwatch("jobs", "list", "--host", "web-01", "--group", "web-01/mail", "--status", "failed", "--status", "warning")

    assert gateway.asked[-1][2] == {
        "host_id": [identity("a1")],
        "source_group_id": [identity("b1")],
        "status": ["failed", "warning"],
        "limit": ["50"],
    }


def test_every_noun_has_a_list(gateway, keepwatch):
    inside = f"/hosts/{identity('a1')}"
    schedule = {
        "id": identity("51"), "host_id": identity("a1"), "kind": "backup", "cron": "0 2 * * *",
        "timezone": "Europe/Berlin", "source_group_ids": None, "enabled": True,
        "next_run_at": None, "last_run_at": None,
    }  # fmt: skip
    repository = {**host()["repository"], "source": "server", "create": True, "restic_id": None}
    repository["created_at"] = host()["created_at"]
    token = {
        "id": identity("71"),
        "name": "ci",
        "role": "viewer",
        "created_at": host()["created_at"],
        "expires_at": None,
    }
    gateway.lists |= {
        "/hosts": [host()],
        f"{inside}/source-groups": [group()],
        f"{inside}/schedules": [schedule],
        "/channels": [channel()],
        "/deliveries": [delivery()],
        "/repositories": [repository],
        "/tokens": [token],
    }

    shown = {
        arguments: keepwatch(*arguments.split()).stdout.splitlines()[-1]
        for arguments in (
            "hosts list",
            "hosts groups list web-01",
            "hosts schedules list web-01",
            "channels list",
            "deliveries list --channel ops",
            "repositories list",
            "tokens list",
        )
    }

    assert shown["hosts list"].startswith("000000a1  web-01  online")
    assert shown["hosts groups list web-01"].endswith("/srv/mail")
    assert "Europe/Berlin  all     yes      -" in shown["hosts schedules list web-01"]
    assert shown["channels list"].endswith("raised acked resolved  min_severity=warning")
    assert shown["deliveries list --channel ops"].endswith("503 Service Unavailable")
    assert "/srv/restic  server" in shown["repositories list"]
    assert shown["tokens list"].endswith("never")

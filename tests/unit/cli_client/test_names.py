"""What a person may type for an id."""

import click
import pytest

from cli.client.names import pick, short
from tests.unit.cli_client.things import alert, group, host, identity, job


def test_ids_made_together_look_different_in_lists():
    assert short(identity("a1")) == "000000a1"
    assert short(identity("a2")) == "000000a2"


@pytest.mark.parametrize("reference", ["WEB-01", identity("a1"), "000000a1", "00a1", identity("a1").upper()])
def test_a_name_a_whole_id_or_its_end(reference):
    assert pick([host(), host("web-02", "a2")], reference, "host")["name"] == "web-01"


def test_the_beginning_of_an_id():
    early = {"id": "018a0000-0000-7000-8000-000000000001"}

    assert pick([early, alert()], "018a", "alert") == early


def test_an_ambiguous_short_id_lists_what_it_may_mean():
    with pytest.raises(click.ClickException) as caught:
        pick([host(), host("web-02", "a2")], "019b", "host")

    assert caught.value.message == ("'019b' may mean more than one host: 000000a1 (web-01), 000000a2 (web-02).")


def test_a_name_that_looks_like_an_id_is_a_name():
    assert pick([host("web-01", "beef"), host("beef", "a2")], "beef", "host")["name"] == "beef"


@pytest.mark.parametrize("reference", ["0a1", "", "nothing", "00_1"])
def test_too_short_or_unknown_is_not_found(reference):
    with pytest.raises(click.ClickException, match="There is no host"):
        pick([host()], reference, "host")


def test_a_groups_name_may_have_slashes(gateway, keepwatch):
    gateway.lists["/hosts"] = [host("web/01")]
    gateway.lists[f"/hosts/{identity('a1')}/source-groups"] = [group("/etc"), group("mail", "b2")]
    gateway.answers("POST", f"/source-groups/{identity('b1')}/run", job(), status=202)

    assert keepwatch("jobs", "run", "web/01//etc").exit_code == 0


def test_an_unknown_host_is_named(gateway, keepwatch):
    gateway.lists["/hosts"] = [host()]

    result = keepwatch("jobs", "run", "web-09/mail")

    assert (result.exit_code, result.stderr) == (1, "Error: There is no host 'web-09'.\n")


def test_a_backup_needs_a_group(gateway, keepwatch):
    gateway.lists["/hosts"] = [host()]

    result = keepwatch("jobs", "run", "web-01")

    assert result.exit_code == 1
    assert "write it as host/group" in result.stderr


def test_an_alert_by_its_group(gateway, keepwatch):
    gateway.lists["/hosts"] = [host()]
    gateway.lists[f"/hosts/{identity('a1')}/source-groups"] = [group()]
    gateway.lists["/alerts"] = [alert()]
    gateway.answers("POST", f"/alerts/{identity('d1')}/ack", status=204)

    assert keepwatch("alerts", "ack", "web-01/mail").exit_code == 0
    assert gateway.asked[-2][2]["state"] == ["unresolved"]
    assert [identity("b1")] == gateway.asked[-2][2]["source_group_id"]


def test_a_host_with_two_alerts_is_ambiguous(gateway, keepwatch):
    gateway.lists["/hosts"] = [host()]
    gateway.lists["/alerts"] = [alert(), alert("d2", title="web-01 / etc: backup failed")]

    result = keepwatch("alerts", "resolve", "web-01")

    assert result.exit_code == 1
    assert "web-01 / etc: backup failed" in result.stderr
    assert gateway.writes() == []

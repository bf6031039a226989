"""What the commands that configure ask of the API."""

import pytest

from tests.unit.cli_client.things import AT, channel, group, host, identity


@pytest.fixture
def known(gateway):
    gateway.lists["/hosts"] = [host()]
    gateway.lists[f"/hosts/{identity('a1')}/source-groups"] = [group()]
    gateway.lists["/repositories"] = [{"id": identity("0e"), "name": "main"}]
    gateway.lists["/channels"] = [channel()]
    return gateway


def asked(gateway):
    (only,) = gateway.writes()
    return only


def test_a_host_with_its_repository_and_secrets_from_files(known, keepwatch, home):
    (home / "password").write_text("s3cret\n")
    (home / "env").write_text("# keys\nAWS_ACCESS_KEY_ID=id\n\nAWS_SECRET_ACCESS_KEY=a=b\n")
    known.answers("POST", "/hosts", {**host(), "agent_token": "kwa_once"}, status=201)

    result = keepwatch(
        "hosts", "add", "web-01", "--label", "site=berlin", "--offline-after", "never", "--repository-url", "s3:x/y",
        "--repository-password-file", str(home / "password"), "--repository-env-file", str(home / "env"),
    )  # fmt: skip

    env = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "a=b"}
    assert asked(known) == ("POST", "/hosts", {
        "name": "web-01",
        "labels": {"site": "berlin"},
        "repository": {"url": "s3:x/y", "password": "s3cret", "env": env},
        "offline_after_seconds": None,
    })  # fmt: skip
    assert "kwa_once" in result.stdout
    assert "s3cret" not in result.output


def test_a_host_on_a_repository_that_exists(known, keepwatch):
    known.answers("POST", "/hosts", {**host(), "agent_token": "kwa_once"}, status=201)

    keepwatch("hosts", "add", "web-01", "--repository", "MAIN")

    assert asked(known)[2] == {"name": "web-01", "repository_id": identity("0e")}


def test_labels_are_set_and_removed_one_by_one(known, keepwatch):
    path = f"/hosts/{identity('a1')}"
    known.answers("GET", path, host(labels={"site": "berlin", "old": "1"}))
    known.answers("PATCH", path, host())

    keepwatch("hosts", "edit", "web-01", "--label", "tier=1", "--unlabel", "old")

    assert asked(known) == ("PATCH", path, {"labels": {"site": "berlin", "tier": "1"}})


def test_removing_a_host_is_asked_first(known, keepwatch):
    assert keepwatch("hosts", "remove", "web-01", input="n\n").exit_code == 1
    assert known.asked == []

    known.answers("DELETE", f"/hosts/{identity('a1')}", status=204)
    assert keepwatch("hosts", "remove", "web-01", "--yes").stdout == "Removed: web-01.\n"


def test_a_new_agent_token(known, keepwatch):
    known.answers("POST", f"/hosts/{identity('a1')}/token", {**host(), "agent_token": "kwa_new"}, status=201)

    assert "kwa_new" in keepwatch("hosts", "token", "web-01", "--yes").stdout


def test_a_source_group_with_retention(known, keepwatch):
    path = f"/hosts/{identity('a1')}/source-groups"
    known.answers("POST", path, group(), status=201)

    keepwatch(
        "hosts", "groups", "add", "web-01", "mail", "--path", "/srv/mail", "--exclude", "*.tmp", "--keep-daily", "7"
    )

    body = {"name": "mail", "paths": ["/srv/mail"], "excludes": ["*.tmp"], "retention": {"keep_daily": 7}}
    assert asked(known) == ("POST", path, body)


def test_a_source_group_with_a_command(known, keepwatch):
    known.answers("POST", f"/hosts/{identity('a1')}/source-groups", group(), status=201)

    keepwatch("hosts", "groups", "add", "web-01", "db", "--path", "/db", "--", "/usr/bin/dump", "--fast")

    assert (asked(known)[2]["engine"], asked(known)[2]["command"]) == ("command", ["/usr/bin/dump", "--fast"])


def test_retention_is_given_up(known, keepwatch):
    known.answers("PATCH", f"/source-groups/{identity('b1')}", group())

    keepwatch("hosts", "groups", "edit", "web-01", "mail", "--keep-everything")

    assert asked(known) == ("PATCH", f"/source-groups/{identity('b1')}", {"retention": None})


def test_a_schedule_of_some_groups(known, keepwatch):
    path = f"/hosts/{identity('a1')}/schedules"
    schedule = {"id": identity("51"), "cron": "0 2 * * *", "next_run_at": AT, "source_group_ids": [identity("b1")]}
    known.answers("POST", path, schedule, status=201)

    result = keepwatch("hosts", "schedules", "add", "web-01", "--cron", "0 2 * * *", "--group", "mail")

    body = {"kind": "backup", "cron": "0 2 * * *", "timezone": "UTC", "enabled": True}
    assert asked(known) == ("POST", path, {**body, "source_group_ids": [identity("b1")]})
    assert AT in result.stdout


def test_a_schedule_is_switched_off_and_widened_to_all_groups(known, keepwatch):
    known.lists[f"/hosts/{identity('a1')}/schedules"] = [{"id": identity("51")}]
    known.answers("PATCH", f"/schedules/{identity('51')}", {"id": identity("51")})

    keepwatch("hosts", "schedules", "edit", "web-01", "00000051", "--disable", "--all-groups")

    assert asked(known)[2] == {"enabled": False, "source_group_ids": None}


def test_a_channel_whose_url_comes_from_standard_input(known, keepwatch, home):
    (home / "headers").write_text("Authorization: Bearer x:y\n")
    known.answers("POST", "/channels", {**channel(), "signing_secret": "whsec_once"}, status=201)

    result = keepwatch(
        "channels", "add", "ops", "--url-file", "-", "--header-file", str(home / "headers"), "--event", "raised",
        "--min-severity", "critical", "--only-label", "site=berlin", input="https://hooks.example/secret\n",
    )  # fmt: skip

    assert asked(known)[2] == {
        "name": "ops",
        "kind": "webhook",
        "enabled": True,
        "config": {"url": "https://hooks.example/secret", "headers": {"Authorization": "Bearer x:y"}},
        "events": ["raised"],
        "filter": {"min_severity": "critical", "host_labels": {"site": "berlin"}},
    }
    assert "whsec_once" in result.stdout
    assert "hooks.example" not in result.output


@pytest.mark.parametrize(("option", "said"), [("--at-most-once", True), ("--no-at-most-once", False)])
def test_a_channel_is_told_at_most_once_or_not(known, keepwatch, option, said):
    known.answers("PATCH", f"/channels/{identity('e1')}", channel(at_most_once=said))

    keepwatch("channels", "edit", "ops", option)

    assert asked(known)[2] == {"at_most_once": said}


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_testing_a_channel(known, keepwatch, ok, code):
    known.answers("POST", f"/channels/{identity('e1')}/test", {"ok": ok, "detail": "what it said", "duration_ms": 12})

    result = keepwatch("channels", "test", "ops")

    assert result.exit_code == code
    assert "what it said" in result.output


def test_a_token_is_shown_once(known, keepwatch):
    known.answers(
        "POST", "/tokens", {"id": identity("71"), "name": "ci", "role": "viewer", "token": "kw_once"}, status=201
    )

    result = keepwatch("tokens", "create", "ci", "--expires", "2030-01-01T00:00:00Z")

    assert asked(known)[2] == {"name": "ci", "role": "viewer", "expires_at": "2030-01-01T00:00:00+00:00"}
    assert "kw_once" in result.stdout


def test_a_repository_whose_secrets_are_the_hosts(known, keepwatch):
    known.answers("POST", "/repositories", {"id": identity("0f")}, status=201)

    keepwatch("repositories", "add", "nas", "--url", "/srv/restic", "--source", "host", "--no-create")

    assert asked(known)[2] == {"name": "nas", "url": "/srv/restic", "source": "host", "create": False}


def test_a_malformed_env_file_is_named_without_its_text(known, keepwatch, home):
    (home / "env").write_text("AWS_SECRET_ACCESS_KEY s3cret\n")

    result = keepwatch("repositories", "edit", "main", "--env-file", str(home / "env"))

    assert result.exit_code == 1
    assert "line 1" in result.stderr
    assert "s3cret" not in result.stderr


def test_a_delivery_is_tried_again(known, keepwatch):
    known.lists["/deliveries"] = [{"id": identity("f1")}]
    known.answers("POST", f"/deliveries/{identity('f1')}/retry", {"id": identity("f1"), "attempts": 3}, status=202)

    assert keepwatch("deliveries", "retry", "000000f1").exit_code == 0

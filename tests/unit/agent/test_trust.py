"""Which jobs the agent's own flags allow: what is refused, and that nothing sound is."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from agent import trust, trust_urls
from agent.settings import AgentSettings, SettingsError
from shared.agent_protocol import ForgetSpec, JobRun, RepositorySpec, SourceGroupSpec
from shared.vocabulary import JobKind

SETTINGS = AgentSettings("https://keepwatch.example", "token", Path("/nowhere"))
GROUP = SourceGroupSpec(id=uuid4(), name="mail", paths=["/etc"])
REPOSITORY = RepositorySpec(id=uuid4(), url="/srv/backups", password="x")


def run(**values):
    return JobRun(**({"job_id": uuid4(), "kind": "backup", "source_group": GROUP, "repository": REPOSITORY} | values))


@pytest.mark.parametrize(
    "url",
    [
        "/srv/backups",
        "/srv/with blanks/ünï",
        "local:/srv/backups",
        "sftp:backup@host.example:/srv/backups",
        "sftp:host:relative",
        "sftp://backup@host.example:2222//srv/backups",
        "sftp://[::1]:2222//srv/backups",
        "rest:https://user:pass@host:8000/backups/",
        "rest:http://127.0.0.1:8000/",
        "s3:s3.amazonaws.com/bucket/folder",
        "s3:https://minio.example:9000/bucket",
        "b2:bucket:folder",
        "gs:bucket:/folder",
        "swift:container:/folder",
    ],
)
def test_every_form_of_repository_that_starts_nothing_is_allowed(url):
    assert trust_urls.check_url(url, {}, ()) is None


@pytest.mark.parametrize("name", ["AZURE_ACCOUNT_KEY", "AZURE_ACCOUNT_SAS"])
def test_azure_needs_a_secret_or_restic_would_start_its_command_line_program(name):
    assert trust_urls.check_url("azure:container:/x", {name: "secret"}, ()) is None
    assert "starts another program" in trust_urls.check_url("azure:container:/x", {"AZURE_ACCOUNT_NAME": "x"}, ())
    assert trust_urls.check_url("azure:container:/x", {}, ("azure:",)) is None


def test_rclone_is_allowed_only_by_a_prefix_that_names_it():
    assert trust_urls.check_url("rclone:remote:folder", {}, ())
    assert trust_urls.check_url("rclone:remote:folder", {}, ("/srv/",))
    assert trust_urls.check_url("rclone:remote:folder", {}, ("rclone:remote",)) is None
    assert trust_urls.check_url("rclone:remote2:folder", {}, ("rclone:remote",))


@pytest.mark.parametrize(
    ("url", "prefix", "allowed"),
    [
        ("/srv/backups/web", "/srv/backups", True),
        ("/srv/backups", "/srv/backups", True),
        ("local:/srv/backups/web", "/srv/backups", True),
        ("/srv/backups-evil", "/srv/backups", False),
        ("rest:https://host/web", "rest:https://host", True),
        ("rest:https://user:pw@host/web", "rest:https://host", True),
        ("rest:https://host.evil/web", "rest:https://host", False),
        ("rest:https://host:pw@evil/web", "rest:https://host", False),
        ("rest:https://evil/@host/web", "rest:https://host", False),
        ("rest:https://a@host@evil/web", "rest:https://host", False),
        ("rest:https://evil@host@host/web", "rest:https://host", False),
        ("rest:https://evil?@host/web", "rest:https://host", False),
        ("rest:https://evil\\@host/web", "rest:https://host", False),
        ("s3:https://host:9000/b", "s3:https://host", False),
    ],
)
def test_a_prefix_ends_where_a_part_of_the_url_ends(url, prefix, allowed):
    assert (trust_urls.check_url(url, {}, (prefix,)) is None) is allowed


def test_a_refusal_does_not_show_the_secret_in_the_url():
    refusal = trust_urls.check_url("rest:https://user:s3cret@host/x", {}, ("/srv",))

    assert "rest:https://host/x" in refusal
    assert "s3cret" not in refusal


def test_an_ordinary_job_of_every_kind_is_allowed():
    trust.check(run(), SETTINGS)
    trust.check(run(kind="prune", source_group=None), SETTINGS)
    trust.check(run(kind="check", source_group=None), SETTINGS)
    retention = {"keep_last": 3, "keep_daily": 7, "keep_within": "1y6m30d12h"}
    trust.check(run(kind="forget", forget=[ForgetSpec(source_group_id=uuid4(), retention=retention)]), SETTINGS)


@pytest.mark.parametrize("name", ["web-01", "Büro 3", "host.example.com", "a;b $(c)"])
def test_a_host_s_name_is_one_value_whatever_it_holds(name):
    trust.check(run(host_name=name), SETTINGS)


@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "B2_ACCOUNT_KEY", "OS_AUTH_URL", "ST_KEY", "RESTIC_REST_PASSWORD"]
)
def test_a_storage_s_own_variables_are_allowed(name):
    trust.check_environment({name: "value"})


def test_a_kind_that_is_not_named_is_refused():
    with pytest.raises(trust.NotAllowed, match="--allow does not name backup"):
        trust.check(run(), replace(SETTINGS, allow_kinds=frozenset({JobKind.CHECK})))


def test_a_command_is_compared_letter_by_letter():
    settings = replace(SETTINGS, allow_commands=frozenset({"/usr/bin/tar"}))

    trust.check(
        run(engine="command", source_group=GROUP.model_copy(update={"command": ["/usr/bin/tar", "-c"]})), settings
    )
    for program in ("tar", "/usr/bin/../bin/tar", "/usr/bin/tar ", "/usr//bin/tar", "/usr/bin/tarx"):
        with pytest.raises(trust.NotAllowed, match="--allow-command"):
            trust.check(run(engine="command", source_group=GROUP.model_copy(update={"command": [program]})), settings)


@pytest.mark.parametrize("server", ["https://host", "http://127.0.0.1:8480", "http://localhost", "http://[::1]:1/base"])
def test_servers_that_may_be_spoken_to(server):
    assert replace(SETTINGS, server=server).server == server


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"server": "http://keepwatch.example"}, "plain http to keepwatch.example"),
        ({"server": "http://127.0.0.1.evil.example"}, "plain http"),
        ({"server": "keepwatch.example"}, "--server"),
        ({"server": "https://user:secret@host"}, "--server"),
        ({"server": "https://host:port"}, "--server"),
        ({"token": "two words"}, "--token"),
        ({"token": ""}, "--token"),
        ({"allow_commands": frozenset({"tar"})}, "--allow-command"),
        ({"allow_commands": frozenset({"/usr/../bin/tar"})}, "--allow-command"),
        ({"ca_file": Path("/no/such/file")}, "--ca-file"),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence(values, names):
    with pytest.raises(SettingsError, match=names) as refusal:
        replace(SETTINGS, **values)

    assert "secret" not in str(refusal.value)


def test_insecure_allows_plain_http():
    assert replace(SETTINGS, server="http://keepwatch.example", insecure=True).insecure

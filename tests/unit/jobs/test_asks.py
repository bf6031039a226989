"""What may be asked for: nothing is accepted that every agent would then refuse, run after run."""

from uuid import uuid4

import pytest
from pydantic import ValidationError

from agent import trust
from shared.agent_protocol import ForgetSpec, JobRun, RepositorySpec, SourceGroupSpec
from shared.asks.hosts import HostCreate
from shared.asks.repositories import RepositoryCreate
from shared.asks.source_groups import Retention, SourceGroupCreate
from tests.unit.agent.test_trust import SETTINGS

BREAKS = ["a\nb", "a\x85b", "a\u2028b", "a\n"]


@pytest.mark.parametrize("value", BREAKS)
def test_no_value_that_reaches_a_command_line_or_an_environment_holds_a_control_character(value):
    for body in (
        lambda: HostCreate(name=f"x{value}x"),
        lambda: SourceGroupCreate(name="mail", paths=["/" + value]),
        lambda: SourceGroupCreate(name="mail", paths=["/etc"], excludes=[value]),
        lambda: RepositoryCreate(name="x", url="/srv/" + value),
        lambda: RepositoryCreate(name="x", url="/srv", env={"AWS_SECRET_ACCESS_KEY": value}),
    ):
        with pytest.raises(ValidationError, match="must not contain control characters"):
            body()


@pytest.mark.parametrize("name", ["AWS_X\n", "AWS_", "PATH", "aws_x", "RESTIC_PASSWORD_COMMAND", "XAWS_X"])
def test_an_environment_holds_a_storage_s_own_variables_only(name):
    with pytest.raises(ValidationError, match="are allowed"):
        RepositoryCreate(name="x", url="/srv", env={name: "value"})


@pytest.mark.parametrize("value", ["30d\n", "0d", "0y30d", "007d", "30d1y", "1٣d", "-1d", ""])
def test_a_duration_is_one_that_agents_take(value):
    with pytest.raises(ValidationError, match="must be a duration"):
        Retention(keep_within=value)


def test_what_is_accepted_is_allowed_by_an_agent_with_default_flags():
    group = SourceGroupCreate(name="mail", paths=["/srv/with blanks/ünï"], excludes=["#cache", "!x", " -x", "$HOME"])
    kept = Retention(keep_last=100_000, keep_within="9999y9999m99999d999999h").model_dump(exclude_none=True)
    repository = RepositoryCreate(name="x", url="s3:host/bucket", password="  blanks ", env={"AWS_X": "a b=c"})
    spec = SourceGroupSpec(id=uuid4(), **group.model_dump(include={"name", "paths", "excludes"}))
    place = RepositorySpec(id=uuid4(), **repository.model_dump(include={"url", "password", "env"}))

    for job in (
        {"kind": "backup"},
        {"kind": "forget", "forget": [ForgetSpec(source_group_id=uuid4(), retention=kept)]},
    ):
        run = JobRun(job_id=uuid4(), host_name="Büro 3", source_group=spec, repository=place, **job)
        trust.check(run, SETTINGS)


@pytest.mark.parametrize("url", ["rest:https://me:pa/ss@h/x", "sftp:me:pass@nas:/srv", "rest:http://me:p@h:8o00/"])
def test_a_password_that_would_be_read_as_something_else_is_refused(url):
    with pytest.raises(ValidationError, match="begins no port"):
        RepositoryCreate(name="x", url=url)


@pytest.mark.parametrize(
    "url", ["rest:https://me:pass@h:8000/x", "rest:http://[::1]:8000/", "sftp:me@nas:/srv", "b2:bucket:a"]
)
def test_ordinary_urls_are_taken(url):
    assert RepositoryCreate(name="x", url=url).url == url

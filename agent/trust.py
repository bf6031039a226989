"""What the agent does for a server, and what for none: pure checks of a `job.run`.

The server may be in a stranger's hands. Whatever it sends, an agent with default flags starts nothing but restic,
with arguments that the agent composed itself.
"""

import re
from collections.abc import Mapping, Sequence

from agent.settings import AgentSettings
from agent.trust_urls import check_url
from shared.agent_protocol import ForgetSpec, JobRun, RepositorySpec, SourceGroupSpec
from shared.vocabulary import Engine, JobKind, RepositorySource

LONGEST_TEXT = 4096
MOST_VALUES = 10_000
MOST_EXCLUDE_CHARACTERS = 1_000_000
_ENVIRONMENT = re.compile(r"(AWS|AZURE|B2|GOOGLE|OS|ST|RESTIC_REST)_[A-Z0-9_]+")
# Each of these makes restic's libraries start a program, or read a file that can make them do so.
_STARTS_PROGRAMS = frozenset(
    {
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AZURE_FORCE_CLI_CREDENTIAL",
        "GOOGLE_API_CERTIFICATE_CONFIG",
        "GOOGLE_API_USE_CLIENT_CERTIFICATE",
        "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES",
    }
)
_COUNTED = frozenset({"keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly"})
_WITHIN = re.compile(r"(?:[1-9][0-9]{0,5}[ymdh]){1,4}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class NotAllowed(Exception):  # noqa: N818  the name of an outcome, as in the vocabulary
    """The agent's own rules forbid the job; the text says which value and why."""


def check(run: JobRun, settings: AgentSettings) -> None:
    """Return if the agent may run this job.

    Raises:
        NotAllowed: with one sentence that names the value.
    """
    if run.kind not in settings.allow_kinds:
        raise NotAllowed(f"this agent's --allow does not name {run.kind}")
    if run.engine is Engine.COMMAND:
        _check_command(run, settings)
    else:
        _check_restic(run, settings)


def _check_command(run: JobRun, settings: AgentSettings) -> None:
    command = run.source_group.command if run.source_group else None
    if run.kind is not JobKind.BACKUP or not command:
        raise NotAllowed("the command engine makes backups by a command, and nothing else")
    if command[0] not in settings.allow_commands:
        raise NotAllowed(f"this agent's --allow-command does not name {command[0]!r}")
    if any("\0" in word for word in command):
        raise NotAllowed("a word of the command holds NUL")


def _check_restic(run: JobRun, settings: AgentSettings) -> None:
    if run.repository is None:
        raise NotAllowed("a restic job needs a repository")
    if run.host_name is not None:
        _check_value("host name", run.host_name)
    if run.repository.source is RepositorySource.SERVER:
        check_repository(run.repository, settings)
    if run.kind is JobKind.BACKUP:
        _check_source_group(run.source_group)
    if run.kind is JobKind.FORGET:
        _check_forget(run.forget)


def check_repository(repository: RepositorySpec, settings: AgentSettings) -> None:
    """Return if the server may choose this repository, these secrets and this environment.

    Raises:
        NotAllowed: with one sentence that names the value.
    """
    refusal = check_url(repository.url, repository.env, settings.allow_repositories)
    if refusal:
        raise NotAllowed(refusal)
    check_environment(repository.env)
    check_password(repository.password)


def check_password(password: str | None) -> None:
    """Return if the password can be handed to restic; whether there is one is seen when the repository is opened.

    Raises:
        NotAllowed: with one sentence that does not show it.
    """
    if password and ("\0" in password or len(password) > LONGEST_TEXT):
        raise NotAllowed("the repository's password holds NUL or is too long")


def check_environment(env: Mapping[str, str]) -> None:
    """Return if every variable is one of a storage's own and none can start a program.

    Raises:
        NotAllowed: with one sentence that names the variable, never its value.
    """
    for name, value in env.items():
        if not _ENVIRONMENT.fullmatch(name) or name in _STARTS_PROGRAMS:
            raise NotAllowed(f"the environment variable {name[:100]!r} is not one a repository may set")
        if _CONTROL.search(value) or len(value) > LONGEST_TEXT:
            raise NotAllowed(f"the environment variable {name} holds a control character or is too long")


def _check_source_group(group: SourceGroupSpec | None) -> None:
    if group is None or not group.paths:
        raise NotAllowed("a backup needs a source group with at least one path")
    _check_few("paths", group.paths)
    _check_few("excludes", group.excludes)
    for path in group.paths:
        _check_value("path", path)
        if not path.startswith("/"):
            raise NotAllowed(f"the path {path!r} is not absolute")
    for pattern in group.excludes:
        _check_value("exclude", pattern)
    if sum(map(len, group.excludes)) > MOST_EXCLUDE_CHARACTERS:
        raise NotAllowed("the excludes are too long")


def _check_forget(specs: list[ForgetSpec]) -> None:
    _check_few("source groups to forget", specs)
    for spec in specs:
        if not spec.retention:
            raise NotAllowed("a retention that keeps nothing is never applied")
        for name, value in spec.retention.items():
            _check_retention(name, value)


def _check_retention(name: str, value: int | str) -> None:
    if name in _COUNTED:
        good = type(value) is int and 1 <= value <= MOST_VALUES * 100
    else:
        good = name == "keep_within" and isinstance(value, str) and bool(_WITHIN.fullmatch(value))
    if not good:
        raise NotAllowed(f"the retention {name[:100]!r}: {str(value)[:100]!r} is not one restic knows")


def _check_value(what: str, value: str) -> None:
    if not value or len(value) > LONGEST_TEXT:
        raise NotAllowed(f"a {what} is empty or too long")
    if value.startswith("-"):
        raise NotAllowed(f"the {what} {value!r} starts with '-'")
    if _CONTROL.search(value):
        raise NotAllowed(f"the {what} {value!r} holds a control character")


def _check_few(what: str, values: Sequence[object]) -> None:
    if len(values) > MOST_VALUES:
        raise NotAllowed(f"there are more than {MOST_VALUES} {what}")

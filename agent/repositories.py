"""Repositories whose secrets stand in a file on the host, so that the server never knows them.

`DIRECTORY/<repository id>.env`, lines of `NAME=value`: `RESTIC_REPOSITORY`, `RESTIC_PASSWORD`, and the variables of
the storage. The file decides about the URL too: a server that could choose it would be sent the secrets.
"""

import os
import stat
from pathlib import Path

from agent import trust, trust_urls
from agent.settings import AgentSettings
from shared.agent_protocol import RepositorySpec
from shared.vocabulary import RepositorySource

_MOST_BYTES = 65_536


def resolve(spec: RepositorySpec, settings: AgentSettings) -> RepositorySpec:
    """The repository with its URL and secrets.

    Raises:
        trust.NotAllowed: its file on the host is missing, open to others, or incomplete.
    """
    if spec.source is RepositorySource.SERVER:
        return spec
    path = settings.repositories_dir / f"{spec.id}.env"
    values = _parse(_read(path), path)
    url, password = values.pop("RESTIC_REPOSITORY", ""), values.pop("RESTIC_PASSWORD", "")
    trust.check_environment(values)
    trust.check_password(password)
    # What root wrote may name any program that restic itself starts.
    refusal = trust_urls.check_url(url, values, settings.allow_repositories or (url,))
    if refusal:
        raise trust.NotAllowed(f"{path}: {refusal}")
    return spec.model_copy(update={"url": url, "password": password, "env": values})


def _read(path: Path) -> str:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
            _check_owner(os.fstat(file.fileno()), path)
            return file.read(_MOST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise trust.NotAllowed(f"this host's file {path} cannot be read: {reason}") from None


def _check_owner(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_uid not in {0, os.geteuid()} or status.st_mode & 0o077:
        raise trust.NotAllowed(f"this host's file {path} must belong to root and be readable by nobody else (0600)")


def _parse(text: str, path: Path) -> dict[str, str]:
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise trust.NotAllowed(f"{path}: line {number} is not NAME=value")
        values[name.strip()] = value.strip()
    return values

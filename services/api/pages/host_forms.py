"""The fields of hosts and repositories as people type them, and what they stand for."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.api.errors import Problem
from services.api.forms import Form, needed
from services.api.owners import Owners
from services.api.pages.wording import duration
from shared.asks.hosts import Host
from shared.asks.repositories import ListRepositories, Repository
from shared.refusal import Refusal
from shared.vocabulary import RepositorySource

NEVER = "never"
OFFLINE_AFTER = {
    "300": "after 5 minutes",
    "600": "after 10 minutes",
    "1800": "after 30 minutes",
    "3600": "after an hour",
    "21600": "after 6 hours",
    "86400": "after a day",
    "259200": "after 3 days",
    "604800": "after a week",
    NEVER: "never (a laptop)",
}
HOST_TEXTS = ("name", "labels", "offline_after_seconds", "repository", "repository_existing")
REPOSITORY_TEXTS = ("name", "url", "source", "create")
HOST_FIELDS = {
    *HOST_TEXTS,
    *(f"repository_{name}" for name in REPOSITORY_TEXTS),
    "repository_password",
    "repository_env",
}
REPOSITORY_FIELDS = {*REPOSITORY_TEXTS, "password", "env"}
Typed = dict[str, str]
"""What a form shows in its fields; never a secret."""


def offline_after(host: Host) -> str:
    """When this host is told to be offline, in words."""
    seconds = str(host.offline_after_seconds or NEVER)
    return OFFLINE_AFTER.get(seconds, f"after {duration(host.offline_after_seconds)}")


def new_host() -> Typed:
    """A form that nobody has filled in yet."""
    return {
        "offline_after_seconds": "600",
        "repository": "none",
        "repository_source": "server",
        **_created("repository_"),
    }


def new_repository() -> Typed:
    """As above."""
    return {"source": "server", **_created("")}


def _created(prefix: str) -> Typed:
    return {f"{prefix}create": "yes"}


def typed_host(form: Form) -> Typed:
    """What was typed, to be shown again; secrets are not."""
    return {name: form.text(name) for name in (*HOST_TEXTS, *(f"repository_{name}" for name in REPOSITORY_TEXTS))}


def typed_repository(form: Form) -> Typed:
    """As above."""
    return {name: form.text(name) for name in REPOSITORY_TEXTS}


def shown_host(host: Host) -> Typed:
    """A host as its form shows it."""
    seconds = host.offline_after_seconds
    return {
        "name": host.name,
        "labels": "\n".join(f"{key}={value}" for key, value in host.labels.items()),
        "offline_after_seconds": NEVER if seconds is None else str(seconds),
        "repository_existing": host.repository.name if host.repository else "",
    }


def shown_repository(repository: Repository) -> Typed:
    """A repository as its form shows it."""
    return {
        "name": repository.name,
        "url": repository.url,
        "source": repository.source.value,
        "create": "yes" if repository.create else "",
    }


def host_values(form: Form) -> dict[str, Any]:
    """The fields of every host's form."""
    needed(form, "name")
    after = form.text("offline_after_seconds")
    return {
        "name": form.text("name"),
        "labels": pairs(form.lines("labels"), "/labels"),
        "offline_after_seconds": None if after == NEVER else after,
    }


async def repository_id(owners: Owners, form: Form) -> UUID | None:
    """The repository that is named; null when none is."""
    name = form.text("repository_existing")
    if not name:
        return None
    found = (await owners.ask(ListRepositories(names=[name], limit=1))).items
    if not found:
        raise Problem(Refusal.invalid(("/repository_existing", "There is no repository of this name.")))
    return found[0].id


def repository_values(form: Form, prefix: str = "") -> dict[str, Any]:
    """The fields of a repository; what the host alone knows is not looked at."""
    needed(form, *(() if prefix else ("name",)), f"{prefix}url")
    source = form.text(f"{prefix}source") or RepositorySource.SERVER.value
    values: dict[str, Any] = {
        "name": form.optional(f"{prefix}name"),
        "url": form.text(f"{prefix}url"),
        "create": f"{prefix}create" in form,
        "source": source,
    }
    if source == RepositorySource.SERVER:
        values["password"] = form.password(f"{prefix}password") or None
        place = "/env" if not prefix else "/repository/env"
        values["env"] = pairs(form.lines(f"{prefix}env"), place)
    return values


def repository_changes(form: Form, repository: Repository) -> dict[str, Any]:
    """What is to change: secrets that were left empty stay, and so does an address that stands as it is shown."""
    values = repository_values(form) | {"name": form.text("name")}
    if values["url"] == repository.url:
        del values["url"]  # the whole of it may hold a user and a password that are not shown
    if not values.get("password"):
        values.pop("password", None)
    if not values.get("env") and "env_clear" not in form:
        values.pop("env", None)
    return values


def pairs(lines: list[str], place: str) -> Mapping[str, str]:
    """Lines of the form key=value; 422 at `place` for any other."""
    if wrong := [line for line in lines if "=" not in line]:
        raise Problem(Refusal.invalid((place, f"{wrong[0]!r} is not of the form key=value.")))
    split = [line.partition("=") for line in lines]
    return {key.strip(): value.strip() for key, _, value in split}

"""Repositories: where backups go. Owned by jobs."""

import re
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from shared.asks.ask import Ask, Page
from shared.asks.fields import Body, Limit, Name, Printable, Text, Url
from shared.vocabulary import RepositorySource

ENVIRONMENT = re.compile(r"(AWS|AZURE|B2|GOOGLE|OS|ST|RESTIC_REST)_[A-Z0-9_]{1,100}")


def _environment(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not ENVIRONMENT.fullmatch(name):
            raise ValueError(f"{name}: only AWS_* AZURE_* B2_* GOOGLE_* OS_* ST_* RESTIC_REST_* are allowed")
    return value


Environment = Annotated[dict[str, Printable], AfterValidator(_environment), Field(max_length=50)]


class Repository(BaseModel):
    """A repository as it may be shown: no password, no environment, no userinfo in the URL."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    url: str
    source: RepositorySource
    create: bool
    restic_id: str | None
    created_at: AwareDatetime


class RepositoryRef(BaseModel):
    """A repository as its hosts show it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    url: str


class InlineRepository(Body):
    """A repository made together with its host; `name` defaults to the host's."""

    name: Name | None = None
    url: Url
    password: Annotated[Text | None, Field(repr=False)] = None
    env: Annotated[Environment, Field(repr=False)] = {}
    create: bool = True
    source: RepositorySource = RepositorySource.SERVER


class RepositoryCreate(InlineRepository):
    """`password` and `env` are write-only; with `source: "host"` the agent reads them from a file of its own."""

    name: Name


class RepositoryPatch(Body):
    """An absent field stays, null clears."""

    name: Name | None = None
    url: Url | None = None
    password: Annotated[Text | None, Field(repr=False)] = None
    env: Annotated[Environment | None, Field(repr=False)] = None
    create: bool | None = None
    source: RepositorySource | None = None


class CreateRepository(Ask[Repository]):
    subject: ClassVar[str] = "ask.jobs.repository.create"
    body: RepositoryCreate


class ListRepositories(Ask[Page[Repository]]):
    """Newest first; `names` are whole names, `q` finds parts of names and addresses."""

    subject: ClassVar[str] = "ask.jobs.repository.list"
    names: list[Text] = []
    q: Text | None = None
    limit: Limit = 50
    cursor: str | None = None


class GetRepository(Ask[Repository]):
    subject: ClassVar[str] = "ask.jobs.repository.get"
    id: UUID


class PatchRepository(Ask[Repository]):
    """`changes` holds only what the request named (`model_dump(exclude_unset=True)`)."""

    subject: ClassVar[str] = "ask.jobs.repository.patch"
    id: UUID
    changes: RepositoryPatch


class DeleteRepository(Ask[None]):
    """409 while a host uses it."""

    subject: ClassVar[str] = "ask.jobs.repository.delete"
    id: UUID

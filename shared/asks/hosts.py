"""Hosts: the machines of the fleet. Owned by jobs."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from shared.asks.ask import Ask, Page
from shared.asks.fields import Body, Labels, Limit, Name, Text
from shared.asks.repositories import InlineRepository, RepositoryRef
from shared.own_host import OWN_HOST_NAME
from shared.vocabulary import HostStatus


def _not_reserved(name: str) -> str:
    if name.casefold() == OWN_HOST_NAME:
        raise ValueError(f"'{OWN_HOST_NAME}' is reserved")
    return name


HostName = Annotated[Name, AfterValidator(_not_reserved)]
OfflineAfter = Annotated[int, Field(ge=60, le=366 * 86400)]
"""Seconds of silence a host may have; null is for laptops."""


class Host(BaseModel):
    """A host; `open_alerts` is null while alerts does not answer (jobs always leaves it null)."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    labels: dict[str, str]
    status: HostStatus
    last_seen_at: AwareDatetime | None
    agent_version: str | None
    restic_version: str | None
    os: str | None
    repository: RepositoryRef | None
    offline_after_seconds: int | None
    open_alerts: int | None = None
    created_at: AwareDatetime


class HostWithToken(Host):
    """A host and its agent's token, shown this once."""

    agent_token: str = Field(repr=False)


class HostCreate(Body):
    """At most one of `repository_id` and `repository`."""

    name: HostName
    labels: Labels = {}
    repository_id: UUID | None = None
    repository: InlineRepository | None = None
    offline_after_seconds: OfflineAfter | None = 600


class HostPatch(Body):
    """An absent field stays, null clears."""

    name: HostName | None = None
    labels: Labels | None = None
    repository_id: UUID | None = None
    offline_after_seconds: OfflineAfter | None = None


class CreateHost(Ask[HostWithToken]):
    subject: ClassVar[str] = "ask.jobs.host.create"
    body: HostCreate


class ListHosts(Ask[Page[Host]]):
    """By name; every filter may repeat (or); `labels` are `key=value`; `q` finds parts of names."""

    subject: ClassVar[str] = "ask.jobs.host.list"
    names: list[Text] = []
    statuses: list[HostStatus] = []
    labels: list[Text] = []
    q: Text | None = None
    limit: Limit = 50
    cursor: str | None = None


class GetHost(Ask[Host]):
    subject: ClassVar[str] = "ask.jobs.host.get"
    id: UUID


class PatchHost(Ask[Host]):
    subject: ClassVar[str] = "ask.jobs.host.patch"
    id: UUID
    changes: HostPatch


class DeleteHost(Ask[None]):
    subject: ClassVar[str] = "ask.jobs.host.delete"
    id: UUID


class RenewHostToken(Ask[HostWithToken]):
    """The old token stops at once: the agent connected with it is cut off."""

    subject: ClassVar[str] = "ask.jobs.host.renew_token"
    id: UUID

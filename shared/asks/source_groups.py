"""Source groups: what of a host is backed up, each failing and recovering on its own. Owned by jobs."""

import re
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from shared.asks.ask import Ask, Page
from shared.asks.fields import AbsolutePath, Argument, Body, Limit, Name, Text
from shared.vocabulary import Engine, ErrorClass, JobStatus

KEEP_WITHIN = re.compile(r"(?=.)([1-9][0-9]{0,3}y)?([1-9][0-9]{0,3}m)?([1-9][0-9]{0,4}d)?([1-9][0-9]{0,5}h)?")


def _duration(value: str) -> str:
    if not KEEP_WITHIN.fullmatch(value):
        raise ValueError("must be a duration such as '1y6m', '30d' or '12h'")
    return value


Count = Annotated[int, Field(ge=1, le=100_000)]


class Retention(Body):
    """Which snapshots `forget` keeps; at least one rule."""

    keep_last: Count | None = None
    keep_hourly: Count | None = None
    keep_daily: Count | None = None
    keep_weekly: Count | None = None
    keep_monthly: Count | None = None
    keep_yearly: Count | None = None
    keep_within: Annotated[str, AfterValidator(_duration)] | None = None

    @model_validator(mode="after")
    def _keeps_something(self) -> "Retention":
        if not any(getattr(self, name) is not None for name in type(self).model_fields):
            raise ValueError("must name at least one rule; leave it out to keep everything")
        return self


class LastJob(BaseModel):
    """The newest job of a group."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    status: JobStatus
    error_class: ErrorClass | None
    message: str | None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


class SourceGroup(BaseModel):
    """A source group; `last_success_at` counts warnings, since a snapshot exists."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    host_id: UUID
    name: str
    paths: list[str]
    excludes: list[str]
    engine: Engine
    command: list[str] | None
    retention: Retention | None
    last_success_at: AwareDatetime | None
    last_job: LastJob | None
    created_at: AwareDatetime


class SourceGroupCreate(Body):
    """Paths are absolute; `command` goes with `engine: "command"` and only with it."""

    name: Name
    paths: Annotated[list[AbsolutePath], Field(min_length=1, max_length=1000)]
    excludes: Annotated[list[Argument], Field(max_length=1000)] = []
    engine: Engine = Engine.RESTIC
    command: Annotated[list[Text], Field(min_length=1, max_length=100)] | None = None
    retention: Retention | None = None


class SourceGroupPatch(Body):
    """An absent field stays, null clears."""

    name: Name | None = None
    paths: Annotated[list[AbsolutePath], Field(min_length=1, max_length=1000)] | None = None
    excludes: Annotated[list[Argument], Field(max_length=1000)] | None = None
    engine: Engine | None = None
    command: Annotated[list[Text], Field(min_length=1, max_length=100)] | None = None
    retention: Retention | None = None


class CreateSourceGroup(Ask[SourceGroup]):
    subject: ClassVar[str] = "ask.jobs.source_group.create"
    host_id: UUID
    body: SourceGroupCreate


class ListSourceGroups(Ask[Page[SourceGroup]]):
    subject: ClassVar[str] = "ask.jobs.source_group.list"
    host_id: UUID
    limit: Limit = 50
    cursor: str | None = None


class GetSourceGroup(Ask[SourceGroup]):
    subject: ClassVar[str] = "ask.jobs.source_group.get"
    id: UUID


class PatchSourceGroup(Ask[SourceGroup]):
    subject: ClassVar[str] = "ask.jobs.source_group.patch"
    id: UUID
    changes: SourceGroupPatch


class DeleteSourceGroup(Ask[None]):
    subject: ClassVar[str] = "ask.jobs.source_group.delete"
    id: UUID

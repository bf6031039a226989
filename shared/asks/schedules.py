"""Schedules: when jobs are made. Owned by jobs."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.asks.ask import Ask, Page
from shared.asks.fields import Body, Limit, Text
from shared.vocabulary import JobKind


class Schedule(BaseModel):
    """A schedule; null `source_group_ids` on a backup means all groups, later ones too."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    host_id: UUID
    kind: JobKind
    cron: str
    timezone: str
    source_group_ids: list[UUID] | None
    enabled: bool
    next_run_at: AwareDatetime | None
    last_run_at: AwareDatetime | None


GroupIds = Annotated[list[UUID], Field(min_length=1, max_length=1000)]


class ScheduleCreate(Body):
    """`cron` has five fields; `timezone` is an IANA name. Both are judged by jobs."""

    kind: JobKind
    cron: Text
    timezone: Text
    source_group_ids: GroupIds | None = None
    enabled: bool = True


class SchedulePatch(Body):
    """An absent field stays, null clears."""

    kind: JobKind | None = None
    cron: Text | None = None
    timezone: Text | None = None
    source_group_ids: GroupIds | None = None
    enabled: bool | None = None


class CreateSchedule(Ask[Schedule]):
    subject: ClassVar[str] = "ask.jobs.schedule.create"
    host_id: UUID
    body: ScheduleCreate


class ListSchedules(Ask[Page[Schedule]]):
    subject: ClassVar[str] = "ask.jobs.schedule.list"
    host_id: UUID
    limit: Limit = 50
    cursor: str | None = None


class GetSchedule(Ask[Schedule]):
    subject: ClassVar[str] = "ask.jobs.schedule.get"
    id: UUID


class PatchSchedule(Ask[Schedule]):
    subject: ClassVar[str] = "ask.jobs.schedule.patch"
    id: UUID
    changes: SchedulePatch


class DeleteSchedule(Ask[None]):
    subject: ClassVar[str] = "ask.jobs.schedule.delete"
    id: UUID


class PreviewSchedule(Ask[list[AwareDatetime]]):
    """When a schedule would run next; 422 with what is wrong with `/cron` or `/timezone`, as when it is written."""

    subject: ClassVar[str] = "ask.jobs.schedule.preview"
    cron: Text
    timezone: Text
    count: Annotated[int, Field(ge=1, le=10)] = 3

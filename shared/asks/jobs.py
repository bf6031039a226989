"""Jobs, their logs, and reports of jobs that ran elsewhere. Owned by jobs."""

from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from shared.asks.ask import Ask, Page
from shared.asks.fields import Body, JsonObject, Limit, Moment, Name, Text
from shared.refusal import Refusal
from shared.vocabulary import ErrorClass, Evidence, JobKind, JobStatus, JobTrigger, TerminalStatus

MAX_REPORTS = 1000


class Job(BaseModel):
    """A job; `evidence` is null until alerts has judged it, and while alerts does not answer (jobs leaves it null)."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    host_id: UUID
    host_name: str
    kind: JobKind
    source_group_id: UUID | None
    source_group_name: str | None
    repository_id: UUID | None
    status: JobStatus
    trigger: JobTrigger
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    exit_code: int | None
    error_class: ErrorClass | None
    message: str | None
    summary: dict[str, Any] | None
    progress: dict[str, Any] | None
    evidence: Evidence | None = None


class JobCreate(Body):
    """A backup needs the group, the other kinds must not have one."""

    kind: JobKind
    source_group_id: UUID | None = None

    @model_validator(mode="after")
    def _group_goes_with_backup(self) -> Self:
        _check_group(self.kind, "source_group_id", named=self.source_group_id is not None)
        return self


class JobReport(Body):
    """A job that ran outside an agent. Without `id` a repeat is a second job."""

    id: UUID | None = None
    host: Name | None = None
    host_id: UUID | None = None
    kind: JobKind
    source_group: Name | None = None
    source_group_id: UUID | None = None
    status: TerminalStatus
    message: Text | None = None
    exit_code: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    error_class: ErrorClass | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = None
    sent_at: Moment | None = None
    summary: JsonObject | None = None

    @model_validator(mode="after")
    def _group_goes_with_backup(self) -> Self:
        if self.host is not None and self.host_id is not None:
            raise _mistake("host_id", "name the host by host or by host_id, not by both")
        if self.source_group is not None and self.source_group_id is not None:
            raise _mistake("source_group_id", "name the group by source_group or by source_group_id, not by both")
        field = "source_group" if self.source_group_id is None else "source_group_id"
        _check_group(self.kind, field, named=(self.source_group or self.source_group_id) is not None)
        return self


def _check_group(kind: JobKind, field: str, *, named: bool) -> None:
    if kind is JobKind.BACKUP and not named:
        raise _mistake(field, "a backup needs a source group")
    if kind is not JobKind.BACKUP and named:
        raise _mistake(field, f"a {kind} is about the repository and must not name a source group")


def _mistake(field: str, sentence: str) -> PydanticCustomError:
    """A mistake of the whole that is shown at one field."""
    return PydanticCustomError("field", "{sentence}", {"field": field, "sentence": sentence})


class Accepted(BaseModel):
    """Reports that jobs has committed; `ids` in the order sent."""

    accepted: int
    ids: list[UUID]


class LogText(BaseModel):
    """A slice of a job's log in bytes of UTF-8, and how long the whole is."""

    text: bytes
    total: int

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class RunSourceGroup(Ask[Job]):
    subject: ClassVar[str] = "ask.jobs.job.run_group"
    source_group_id: UUID


class CreateJob(Ask[Job]):
    subject: ClassVar[str] = "ask.jobs.job.create"
    host_id: UUID
    body: JobCreate


class ListJobs(Ask[Page[Job]]):
    """Newest first; every filter may repeat (or); `since` inclusive, `until` exclusive, by `created_at`."""

    subject: ClassVar[str] = "ask.jobs.job.list"
    host_ids: list[UUID] = []
    kinds: list[JobKind] = []
    statuses: list[JobStatus] = []
    source_group_ids: list[UUID] = []
    since: Moment | None = None
    until: Moment | None = None
    limit: Limit = 50
    cursor: str | None = None


class GetJob(Ask[Job]):
    subject: ClassVar[str] = "ask.jobs.job.get"
    id: UUID


class CancelJob(Ask[Job]):
    subject: ClassVar[str] = "ask.jobs.job.cancel"
    id: UUID


class PastRun(BaseModel):
    """How long a job took and how much it was about; a size that its summary does not tell is null."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    status: JobStatus
    started_at: AwareDatetime
    finished_at: AwareDatetime
    bytes_processed: int | None
    bytes_added: int | None


class TellPastRuns(Ask[list[PastRun]]):
    """The last finished runs of a source group, or of this kind of job at a host where the group is null; oldest first.

    Only those that the agent began, since the others took no time.
    """

    subject: ClassVar[str] = "ask.jobs.job.past_runs"
    host_id: UUID
    kind: JobKind
    source_group_id: UUID | None
    count: Annotated[int, Field(ge=1, le=200)] = 60


class ReadLog(Ask[LogText]):
    """Bytes `start` up to but not including `end` (null: to the end, at most 1 MiB); negative `start` is a tail."""

    subject: ClassVar[str] = "ask.jobs.job.log"
    id: UUID
    start: int = 0
    end: int | None = None


class ReportJobs(Ask[Accepted]):
    """All or nothing; answered after the commit.

    `agent_host_id`: the host whose agent's token was used, the only one it may report for. `single`: the body was one
    report, so pointers have no `/reports/N` before them.
    """

    subject: ClassVar[str] = "ask.jobs.job.report"
    reports: Annotated[list[JobReport], Field(min_length=1, max_length=MAX_REPORTS)]
    create: bool = False
    agent_host_id: UUID | None = None
    single: bool = False


class ReportTogether(Ask[list[Accepted | Refusal]]):
    """Requests that have nothing to do with each other, each answered for itself, in this order."""

    subject: ClassVar[str] = "ask.jobs.job.report_together"
    requests: list[ReportJobs]


class Synthetic(Body):
    """A synthetic alert, or its resolution, through the real path; never a job."""

    host: Name
    kind: str = "backup_failed"
    dedup_key: Annotated[Text, Field(max_length=255)] = "fake"
    message: Text | None = None
    resolve: bool = False


class TellSynthetic(Ask[None]):
    """Say `job.finished` with `synthetic` set; 422 for an unknown host or a kind that jobs do not raise."""

    subject: ClassVar[str] = "ask.jobs.job.synthetic"
    body: Synthetic

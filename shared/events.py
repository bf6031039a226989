"""What happened, told over NATS: frozen, in the past tense, complete for every consumer.

Unknown fields are ignored, so a newer publisher never breaks an older consumer. `docs/events.md` lists every field.
"""

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.vocabulary import (
    AlertKind,
    AlertState,
    ErrorClass,
    JobKind,
    JobStatus,
    Resolution,
    Severity,
    TerminalStatus,
)


class Event(BaseModel):
    """One fact; `event_id` stays the same however often it is told."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    subject: ClassVar[str]

    schema_version: Literal[1] = 1
    event_id: UUID


class JobFinished(Event):
    """A job reached a terminal state. `evidence_at` is when, by the server's clock; `finished_at` is only claimed."""

    subject: ClassVar[str] = "job.finished"

    job_id: UUID | None
    host_id: UUID
    host_name: str
    host_labels: dict[str, str] = {}
    kind: JobKind
    source_group_id: UUID | None
    source_group_name: str | None
    dedup_key: str | None = None
    status: TerminalStatus
    exit_code: int | None = None
    error_class: ErrorClass | None = None
    message: str | None = None
    unreadable_files: int | None = None
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    evidence_at: AwareDatetime
    last_success_at: AwareDatetime | None = None
    synthetic: bool = False


class HostFact(Event):
    """Something about a host or one of its groups; `version` counts the facts of its kind for that host."""

    host_id: UUID
    host_name: str
    host_labels: dict[str, str] = {}
    version: int
    evidence_at: AwareDatetime


class HostOffline(HostFact):
    """A host's agent has been silent for longer than the host tolerates."""

    subject: ClassVar[str] = "host.offline"

    silent_since: AwareDatetime
    offline_after_seconds: int


class HostOnline(HostFact):
    """The agent of a host that was announced offline is heard again."""

    subject: ClassVar[str] = "host.online"


class HostDeleted(HostFact):
    """A host is gone, with its groups and jobs."""

    subject: ClassVar[str] = "host.deleted"


class SourceGroupDeleted(HostFact):
    """A source group is gone; its jobs stay as history."""

    subject: ClassVar[str] = "source_group.deleted"

    source_group_id: UUID
    source_group_name: str


class AlertSnapshot(BaseModel):
    """An alert as it stood right after a transition: all that a channel may want to say."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    version: int
    host_id: UUID
    host_name: str
    host_labels: dict[str, str]
    kind: AlertKind
    dedup_key: str
    source_group_id: UUID | None
    source_group_name: str | None
    severity: Severity
    title: str
    message: str | None
    hint: str | None
    error_class: ErrorClass | None
    state: AlertState
    occurrences: int
    first_seen_at: AwareDatetime
    last_seen_at: AwareDatetime
    last_success_at: AwareDatetime | None
    acked_at: AwareDatetime | None
    acked_by: str | None
    resolved_at: AwareDatetime | None
    resolved_by: str | None
    note: str | None
    resolution: Resolution | None
    raised_job_id: UUID | None
    resolved_job_id: UUID | None


class AlertEvent(Event):
    """A transition of an alert; `version` counts them from 1 without gaps."""

    alert_id: UUID
    version: int
    at: AwareDatetime
    actor: str | None
    note: str | None
    alert: AlertSnapshot


class AlertRaised(AlertEvent):
    """A problem was seen for the first time since the last one of its key was resolved."""

    subject: ClassVar[str] = "alert.raised"


class AlertAcked(AlertEvent):
    """Somebody took care."""

    subject: ClassVar[str] = "alert.acked"


class AlertResolved(AlertEvent):
    """The problem is over, or a person said so."""

    subject: ClassVar[str] = "alert.resolved"


class Hint(BaseModel):
    """A change worth showing live, told once over core NATS and never stored; may be lost."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    subject: ClassVar[str]


class JobUpdated(Hint):
    """A job changed its status or made progress."""

    subject: ClassVar[str] = "job.updated"

    job_id: UUID
    host_id: UUID
    source_group_id: UUID | None
    status: JobStatus
    progress: dict[str, Any] | None = None


class HostUpdated(Hint):
    """A host came, went or was changed."""

    subject: ClassVar[str] = "host.updated"

    host_id: UUID


EVENTS: tuple[type[Event], ...] = (
    JobFinished,
    HostOffline,
    HostOnline,
    HostDeleted,
    SourceGroupDeleted,
    AlertRaised,
    AlertAcked,
    AlertResolved,
)
"""Every event the stream carries."""

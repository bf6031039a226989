"""What jobs reasons about: the end of a job, as told and as written, and what is due."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.vocabulary import ErrorClass, JobKind, JobStatus


@dataclass(frozen=True)
class End:
    """How a job ended, as somebody says; what it was about stands in its row, never here."""

    job_id: UUID
    status: JobStatus
    message: str | None = None
    error_class: ErrorClass | None = None
    exit_code: int | None = None
    summary: dict[str, Any] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    """By the teller's clock; null: when we received it."""
    sent_at: datetime | None = None
    """By the same clock, so that its error can be told."""
    as_of: datetime | None = None
    """When by our clock, where the teller is ourselves."""
    presumed: bool = False
    """Nobody told us: a true word that comes later replaces it."""


@dataclass(frozen=True)
class Standing:
    """Where a job stands, its row locked."""

    id: UUID
    status: JobStatus
    presumed: bool


@dataclass(frozen=True)
class FinishedJob:
    """A finished job as its row, its host and its group say."""

    id: UUID
    host_id: UUID
    host_name: str
    host_labels: dict[str, str]
    kind: JobKind
    source_group_id: UUID | None
    source_group_name: str | None
    status: JobStatus
    exit_code: int | None
    error_class: ErrorClass | None
    message: str | None
    summary: dict[str, Any] | None
    started_at: datetime | None
    finished_at: datetime | None
    evidence_at: datetime
    last_success_at: datetime | None


@dataclass(frozen=True)
class ReportedJob:
    """A report, resolved: ready to become a finished job."""

    id: UUID
    host_id: UUID
    kind: JobKind
    source_group_id: UUID | None
    end: End
    created_at: datetime
    evidence_at: datetime


@dataclass(frozen=True)
class DueSchedule:
    """A schedule whose time has come, its row locked."""

    id: UUID
    host_id: UUID
    kind: JobKind
    cron: str
    timezone: str
    source_group_ids: list[UUID] | None
    tick: datetime
    now: datetime


@dataclass(frozen=True)
class SilentJob:
    """A job whose agent does not speak (of it) any more."""

    id: UUID
    last_sign_at: datetime


@dataclass(frozen=True)
class HostFactRow:
    """A host as its facts name it."""

    id: UUID
    name: str
    labels: dict[str, str]
    version: int
    at: datetime
    last_seen_at: datetime | None = None
    offline_after_seconds: int | None = None


@dataclass(frozen=True)
class Dispatch:
    """A job on its way to its agent, with all that the agent needs to know; the secrets still sealed."""

    job_id: UUID
    host_id: UUID
    host_name: str
    kind: JobKind
    engine: str
    source_group: dict[str, Any] | None
    repository_id: UUID | None
    repository: dict[str, Any] | None
    secrets: bytes | None = field(repr=False)
    forget: list[dict[str, Any]]
    newly: bool
    source_group_id: UUID | None

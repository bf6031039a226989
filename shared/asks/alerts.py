"""Alerts and what people do with them. Owned by alerts."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.asks.ask import Ask, Page
from shared.asks.deliveries import Decision, Delivery
from shared.asks.fields import Body, Limit, Text
from shared.events import AlertSnapshot
from shared.vocabulary import AlertChange, AlertKind, AlertState, Evidence, JobKind, JobStatus, Severity


class Alert(AlertSnapshot):
    """An alert; `url` is its page (the gateway fills it in)."""

    url: str | None = None


class TimelineEntry(BaseModel):
    """One transition: what, when, by whom, and what they said."""

    model_config = ConfigDict(frozen=True)

    type: str
    at: AwareDatetime
    actor: str | None
    note: str | None


class AlertWithTimeline(Alert):
    """What alerts knows of one alert."""

    timeline: list[TimelineEntry]


class AlertDetail(AlertWithTimeline):
    """One alert in full; `deliveries` and `decisions` are null while notifier does not answer."""

    deliveries: list[Delivery] | None = None
    decisions: list[Decision] | None = None


class Note(Body):
    """What a person wants to say with it."""

    note: Text | None = None


class BulkNote(Note):
    """The same for many alerts."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=500)]


class BulkResult(BaseModel):
    """How it went with one alert: 204, 404 or 409."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    status: Literal[204, 404, 409]


class BulkResults(BaseModel):
    """In the order asked."""

    results: list[BulkResult]


StateFilter = Literal["open", "acked", "resolved", "unresolved"]


class ListAlerts(Ask[Page[Alert]]):
    """Newest first by `first_seen_at`; filters may repeat (or); `q` finds prefixes of words in host and group names.

    A host, a kind and `dedup_key` are the key of which at most one alert is open.
    """

    subject: ClassVar[str] = "ask.alerts.alert.list"
    ids: list[UUID] = []
    states: list[StateFilter] = []
    host_ids: list[UUID] = []
    kinds: list[AlertKind] = []
    severities: list[Severity] = []
    source_group_ids: list[UUID] = []
    dedup_key: str | None = None
    q: str | None = None
    limit: Limit = 50
    cursor: str | None = None


class GetAlert(Ask[AlertWithTimeline]):
    subject: ClassVar[str] = "ask.alerts.alert.get"
    id: UUID


class Acknowledge(Ask[BulkResults]):
    subject: ClassVar[str] = "ask.alerts.alert.ack"
    ids: list[UUID]
    actor: str
    note: str | None = None


class Resolve(Ask[BulkResults]):
    subject: ClassVar[str] = "ask.alerts.alert.resolve"
    ids: list[UUID]
    actor: str
    note: str | None = None


class CountUnresolved(Ask[dict[UUID, int]]):
    """Unresolved alerts per host; a host without any may be absent."""

    subject: ClassVar[str] = "ask.alerts.alert.count_unresolved"
    host_ids: list[UUID]


class WorstFirst(Ask[list[Alert]]):
    """What is unresolved: open before acknowledged, critical before warning before info, newest first by then."""

    subject: ClassVar[str] = "ask.alerts.alert.worst_first"
    limit: Limit


MOST_COUNTED = 10_000
"""Counts go so far and no further: a number that large may stand for more."""


class AlertCounts(BaseModel):
    """Open alerts by severity, and acknowledged ones; each at most `MOST_COUNTED`."""

    model_config = ConfigDict(frozen=True)

    open: dict[Severity, int]
    acked: int


class CountAlerts(Ask[AlertCounts]):
    subject: ClassVar[str] = "ask.alerts.alert.count"


class Trouble(BaseModel):
    """The unresolved alerts of a source group, or those of a host that are of no group."""

    model_config = ConfigDict(frozen=True)

    host_id: UUID
    source_group_id: UUID | None
    alerts: int
    worst: Severity
    worst_id: UUID
    acked: bool
    """Somebody has taken on each of them."""


class FindTrouble(Ask[list[Trouble]]):
    """What is wrong at these hosts; nothing where nothing is."""

    subject: ClassVar[str] = "ask.alerts.alert.trouble"
    host_ids: list[UUID]


class AlertOfJob(BaseModel):
    """An alert, and what the end of a job did to it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    title: str
    severity: Severity
    state: AlertState
    effect: Literal["raised", "counted", "resolved"]


class ListAlertsOfJob(Ask[list[AlertOfJob]]):
    """The alerts that a job's end raised or resolved, and those still unresolved on which it counts."""

    subject: ClassVar[str] = "ask.alerts.alert.of_job"
    job_id: UUID
    host_id: UUID
    kind: JobKind
    source_group_id: UUID | None
    status: JobStatus
    created_at: AwareDatetime


class JudgeEvidence(Ask[dict[UUID, Evidence]]):
    """What each job's end did; a job not judged yet is absent."""

    subject: ClassVar[str] = "ask.alerts.evidence.get"
    job_ids: list[UUID]


OwnKind = Literal[AlertKind.DEAD_LETTER, AlertKind.CHANNEL_DISABLED, AlertKind.CANARY_LOST]
"""What may be wrong with Keepwatch itself."""


class TellOwnTrouble(Ask[None]):
    """Something of Keepwatch's own is wrong, or `over`; answered after the commit, and counted once per `event_id`.

    `name` is what people call it; `dedup_key` tells one trouble from another of its kind: the id of the channel, or the
    service that has dead letters. `at` is by the database's clock.
    """

    subject: ClassVar[str] = "ask.alerts.own_trouble.tell"
    event_id: UUID
    kind: OwnKind
    dedup_key: str
    name: str
    message: str | None = None
    over: bool
    at: AwareDatetime


class Transition(BaseModel):
    """That something happened to an alert: what has to be found again as deliveries, or as reasons for none."""

    model_config = ConfigDict(frozen=True)

    id: int
    at: AwareDatetime
    alert_id: UUID
    version: int
    event_id: UUID
    type: AlertChange
    title: str
    published: bool
    whole: bool
    """The version before it and the one after it are there too, as far as there must be any."""


class ListTransitions(Ask[list[Transition]]):
    """Transitions from a place on (exclusive), oldest first: announced, or made and still not, so many seconds ago.

    Of alerts that stand or were resolved in the last seven days: of older ones not everything is kept.
    """

    subject: ClassVar[str] = "ask.alerts.transition.list"
    after_at: AwareDatetime
    after_id: int = 0
    settled_seconds: float
    limit: Annotated[int, Field(ge=1, le=1000)]


class HoldJobs(Ask[list[UUID]]):
    """Those of these jobs to which an unresolved alert refers, and which are to be kept therefore."""

    subject: ClassVar[str] = "ask.alerts.job.held"
    job_ids: list[UUID]


class TellEvents(Ask[list[str]]):
    """The payloads (JSON text of `alert.*` bodies) of an alert's versions from `after` (exclusive) on, at most 100."""

    subject: ClassVar[str] = "ask.alerts.event.list"
    alert_id: UUID
    after: int

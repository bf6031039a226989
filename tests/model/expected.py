"""What must hold of source groups and their alerts, told without a database: the contract and section 3 of the design.

Independent of how services/alerts does it: one event after the other, and moments instead of marks.
"""

from dataclasses import dataclass, field
from uuid import UUID

RAISES = "raises"
MEANING = {
    "succeeded": {"backup_failed": "auto", "backup_warning": "auto"},
    "warning": {"backup_failed": "auto", "backup_warning": RAISES},
    "failed": {"backup_failed": RAISES, "backup_warning": "superseded"},
    "cancelled": {},
}
"""What the end of a backup says about each kind of alert: it raises, or it resolves like this."""
STRENGTH = {"succeeded": 0, "warning": 1, "failed": 2}
"""Who wins a tie."""
CRITICAL = {"wrong_password", "repo_missing", "repo_changed"}

Key = tuple[UUID, str]
"""A source group and a kind of alert."""
Moment = tuple[int, int]
"""When, and how strong."""
NEVER = (-1, 0)


@dataclass(frozen=True)
class Ended:
    """A backup ended; `at` counts microseconds."""

    event_id: UUID
    host: UUID
    group: UUID
    status: str
    at: int
    error_class: str | None

    @property
    def moment(self) -> Moment:
        return self.at, STRENGTH[self.status]

    @property
    def severity(self) -> str:
        if self.status == "warning":
            return "info"
        return "critical" if self.error_class in CRITICAL else "warning"


@dataclass(frozen=True)
class Deleted:
    """A group is gone, or a whole host."""

    event_id: UUID
    host: UUID
    group: UUID | None


@dataclass
class Alert:
    """As much of an alert as anybody sees; jobs are named by their event."""

    severity: str
    first_seen: int
    last_seen: int
    message: str
    raised_by: UUID
    occurrences: int = 1
    acked_by: str | None = None
    note: str | None = None
    resolution: str | None = None
    resolved_by: str | UUID | None = None
    """A person, or the event whose success it was."""
    timeline: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    """Type, actor, note."""

    def resolve(self, resolution: str, by: str | UUID | None, note: str | None = None) -> None:
        self.resolution, self.resolved_by, self.note = resolution, by, note or self.note
        self.timeline.append(("resolved", by if isinstance(by, str) else None, note))


@dataclass
class Fleet:
    """Every group that was ever heard of, and its alerts in the order they were raised."""

    alerts: dict[Key, list[Alert]] = field(default_factory=dict)
    raised: dict[Key, Moment] = field(default_factory=dict)
    cleared: dict[Key, Moment] = field(default_factory=dict)
    counted: set[UUID] = field(default_factory=set)
    gone: set[UUID] = field(default_factory=set)
    host_of: dict[UUID, UUID] = field(default_factory=dict)
    did: dict[UUID, str] = field(default_factory=dict)
    """What each end of a backup did."""

    def hear(self, event: Ended | Deleted) -> None:
        if event.event_id in self.counted:
            return
        self.counted.add(event.event_id)
        if isinstance(event, Deleted):
            self._bury(event)
        else:
            self.host_of[event.group] = event.host
            self.did[event.event_id] = self._weigh(event)

    def acknowledge(self, key: Key, number: int, actor: str, note: str | None) -> int:
        """The answer's status."""
        alert = self.alerts[key][number]
        if alert.resolution:
            return 409
        if not alert.acked_by:
            alert.acked_by, alert.note = actor, note or alert.note
            alert.timeline.append(("acked", actor, note))
        return 204

    def resolve(self, key: Key, number: int, actor: str, note: str | None) -> int:
        """The answer's status. Moves nothing but the alert: the next failure raises again."""
        alert = self.alerts[key][number]
        if not alert.resolution:
            alert.resolve("manual", actor, note)
        return 204

    def open(self, key: Key) -> Alert | None:
        unresolved = [alert for alert in self.alerts.get(key, []) if not alert.resolution]
        return unresolved[0] if unresolved else None

    def _bury(self, event: Deleted) -> None:
        self.gone.add(event.group or event.host)
        resolution = "source_deleted" if event.group else "host_deleted"
        for (group, kind), alerts in self.alerts.items():
            if (event.group or event.host) in {group, self.host_of[group]} and self.open((group, kind)):
                alerts[-1].resolve(resolution, None)

    def _weigh(self, event: Ended) -> str:
        if not MEANING[event.status]:
            return "none"
        if {event.group, event.host} & self.gone:
            return "late"
        applied = [self._applied(event, (event.group, kind), what) for kind, what in MEANING[event.status].items()]
        return "applied" if any(applied) else "late"

    def _applied(self, event: Ended, key: Key, what: str) -> bool:
        raised, cleared = self.raised.get(key, NEVER), self.cleared.get(key, NEVER)
        if what == RAISES:
            self.raised[key] = max(raised, event.moment)
            if event.moment < cleared:
                return False
            self._fail(event, key)
            return True
        self.cleared[key] = max(cleared, event.moment)
        if event.moment <= max(raised, cleared):
            return False
        if alert := self.open(key):
            alert.resolve(what, event.event_id)
        return True

    def _fail(self, event: Ended, key: Key) -> None:
        message = str(event.event_id)
        if alert := self.open(key):
            alert.occurrences += 1
            if event.at > alert.last_seen:
                alert.last_seen, alert.message = event.at, message
        else:
            new = Alert(event.severity, event.at, event.at, message, event.event_id, timeline=[("raised", None, None)])
            self.alerts.setdefault(key, []).append(new)

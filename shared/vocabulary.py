"""The words of the field, spelled once: every enum that crosses a process boundary."""

from enum import StrEnum


class JobKind(StrEnum):
    """What a job does to a repository."""

    BACKUP = "backup"
    FORGET = "forget"
    PRUNE = "prune"
    CHECK = "check"


class TerminalStatus(StrEnum):
    """How a job that ran has ended; `warning` means that a snapshot exists all the same."""

    SUCCEEDED = "succeeded"
    WARNING = "warning"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    WARNING = "warning"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self not in {JobStatus.QUEUED, JobStatus.DISPATCHED, JobStatus.RUNNING}


class DayOutcome(StrEnum):
    """How a source group's backups went on one day: the worst that happened."""

    NOTHING = "nothing"
    SUCCEEDED = "succeeded"
    WARNING = "warning"
    FAILED = "failed"


class JobTrigger(StrEnum):
    """Who asked for a job."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    REPORT = "report"


class ErrorClass(StrEnum):
    """Why a job failed or warned, as far as it can be told."""

    LOCKED = "locked"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105  the name of a class of errors
    REPO_MISSING = "repo_missing"
    REPO_CHANGED = "repo_changed"
    REPO_UNREACHABLE = "repo_unreachable"
    NO_SPACE = "no_space"
    SOURCE_MISSING = "source_missing"
    SOURCE_UNREADABLE = "source_unreadable"
    RESTIC_MISSING = "restic_missing"
    NOT_ALLOWED = "not_allowed"
    INTERRUPTED = "interrupted"
    AGENT_LOST = "agent_lost"
    TIMEOUT = "timeout"
    HOOK_FAILED = "hook_failed"
    OTHER = "other"


class Engine(StrEnum):
    """The program family that makes a source group's backups."""

    RESTIC = "restic"
    COMMAND = "command"


class RepositorySource(StrEnum):
    """Who knows a repository's secrets."""

    SERVER = "server"
    HOST = "host"


class HostStatus(StrEnum):
    """Whether a host's agent is heard."""

    NEVER_SEEN = "never_seen"
    ONLINE = "online"
    OFFLINE = "offline"


class Evidence(StrEnum):
    """What a finished job did to the alerts."""

    APPLIED = "applied"
    LATE = "late"
    REPEATED = "repeated"
    NONE = "none"


class AlertKind(StrEnum):
    """What is wrong."""

    BACKUP_FAILED = "backup_failed"
    BACKUP_WARNING = "backup_warning"
    CHECK_FAILED = "check_failed"
    FORGET_FAILED = "forget_failed"
    PRUNE_FAILED = "prune_failed"
    HOST_OFFLINE = "host_offline"
    DEAD_LETTER = "dead_letter"
    CHANNEL_DISABLED = "channel_disabled"
    CANARY_LOST = "canary_lost"


class Severity(StrEnum):
    """How much it matters, from least to most."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Orders severities; higher is worse."""
        return list(Severity).index(self)


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKED = "acked"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """Why an alert was resolved."""

    AUTO = "auto"
    MANUAL = "manual"
    SUPERSEDED = "superseded"
    SOURCE_DELETED = "source_deleted"
    HOST_DELETED = "host_deleted"


class AlertChange(StrEnum):
    """The transitions an alert announces."""

    RAISED = "raised"
    ACKED = "acked"
    RESOLVED = "resolved"


class DeliveryState(StrEnum):
    """Where a delivery stands: `failed` will be retried, `dead` will not."""

    PENDING = "pending"
    FAILED = "failed"
    DELIVERED = "delivered"
    DEAD = "dead"


class ChannelKind(StrEnum):
    """The ways to tell somebody."""

    WEBHOOK = "webhook"


class Role(StrEnum):
    """What a user or an API token may do: `viewer` reads, `operator` also acts, `admin` also configures."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do all that the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)

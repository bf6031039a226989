"""What evidence means, and what it does: pure decisions with named outcomes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from services.alerts import wording
from services.alerts.model import Change, Clear, Failure, Finding, Judgement, Key, Marks, Raise, Success
from shared.asks.alerts import OwnKind
from shared.events import HostOffline, HostOnline, JobFinished
from shared.own_host import OWN_HOST_ID, OWN_HOST_NAME
from shared.vocabulary import AlertKind, ErrorClass, Evidence, JobKind, JobStatus, Resolution, Severity, TerminalStatus

NEVER = datetime(1, 1, 2, tzinfo=UTC)
"""Where the marks of a key stand before anything is known of it; asyncpg takes the first of January for -infinity."""
CRITICAL = {ErrorClass.WRONG_PASSWORD, ErrorClass.REPO_MISSING, ErrorClass.REPO_CHANGED}
WINS_A_TIE = timedelta(microseconds=1)
"""Added to a clearing that beats a failure of the same moment: marks count in microseconds."""
REPOSITORY_KINDS = {
    JobKind.CHECK: AlertKind.CHECK_FAILED,
    JobKind.FORGET: AlertKind.FORGET_FAILED,
    JobKind.PRUNE: AlertKind.PRUNE_FAILED,
}
OWN_SEVERITY: dict[AlertKind, Severity] = {
    AlertKind.DEAD_LETTER: Severity.CRITICAL,
    AlertKind.CHANNEL_DISABLED: Severity.WARNING,
    AlertKind.CANARY_LOST: Severity.CRITICAL,
}
JOB_ALERT_KINDS = (AlertKind.BACKUP_FAILED, AlertKind.BACKUP_WARNING, *REPOSITORY_KINDS.values())


def findings(event: JobFinished) -> list[Finding]:
    """What the end of a job says about its keys; nothing when it is no evidence."""
    if event.status is TerminalStatus.CANCELLED:
        return []
    if event.kind is not JobKind.BACKUP:
        return [_about_repository(event, REPOSITORY_KINDS[event.kind])]
    key = _dedup_key(event)
    return _about_backup(event, key) if key is not None else []


def _dedup_key(event: JobFinished) -> str | None:
    """A synthetic event names its key; a backup's key is its group, and without a group it has none."""
    if event.dedup_key is not None:
        return event.dedup_key
    return str(event.source_group_id) if event.source_group_id else None


def _about_backup(event: JobFinished, key: str) -> list[Finding]:
    failed = Key(event.host_id, AlertKind.BACKUP_FAILED, key)
    warned = Key(event.host_id, AlertKind.BACKUP_WARNING, key)
    match event.status:
        case TerminalStatus.SUCCEEDED:
            return [_success(event, failed), _success(event, warned)]
        case TerminalStatus.WARNING:
            return [_success(event, failed), _failure(event, warned, Severity.INFO)]
        case _:
            severity = Severity.CRITICAL if event.error_class in CRITICAL else Severity.WARNING
            superseded = Success(warned, event.evidence_at + WINS_A_TIE, event.job_id, Resolution.SUPERSEDED)
            return [_failure(event, failed, severity), superseded]


def _about_repository(event: JobFinished, kind: AlertKind) -> Finding:
    key = Key(event.host_id, kind, event.dedup_key or "")
    if event.status is TerminalStatus.SUCCEEDED:
        return _success(event, key)
    return _failure(event, key, Severity.CRITICAL if kind is AlertKind.CHECK_FAILED else Severity.WARNING)


def _success(event: JobFinished, key: Key) -> Success:
    return Success(key, event.evidence_at, event.job_id, Resolution.AUTO)


def _failure(event: JobFinished, key: Key, severity: Severity) -> Failure:
    return Failure(
        key=key,
        at=event.evidence_at,
        job_id=event.job_id,
        host_name=event.host_name,
        host_labels=event.host_labels,
        source_group_id=event.source_group_id,
        source_group_name=event.source_group_name,
        severity=severity,
        title=wording.title(event),
        message=event.message,
        hint=wording.hint(event),
        error_class=event.error_class,
        last_success_at=event.last_success_at,
    )


def counts_on(kind: JobKind, status: JobStatus) -> AlertKind | None:
    """The kind of alert on which the end of such a job counts; null when it is good news or none."""
    match kind, status:
        case JobKind.BACKUP, JobStatus.FAILED:
            return AlertKind.BACKUP_FAILED
        case JobKind.BACKUP, JobStatus.WARNING:
            return AlertKind.BACKUP_WARNING
        case JobKind.CHECK | JobKind.FORGET | JobKind.PRUNE, JobStatus.FAILED | JobStatus.WARNING:
            return REPOSITORY_KINDS[kind]
        case _:
            return None


def host_silent(event: HostOffline) -> Failure:
    """An agent that is silent is a failure of its host."""
    return Failure(
        key=Key(event.host_id, AlertKind.HOST_OFFLINE, ""),
        at=event.evidence_at,
        job_id=None,
        host_name=event.host_name,
        host_labels=event.host_labels,
        source_group_id=None,
        source_group_name=None,
        severity=Severity.WARNING,
        title=wording.silence_title(event.host_name, event.offline_after_seconds),
        message=f"Nothing heard since {event.silent_since:%Y-%m-%d %H:%M:%S} UTC.",
        hint=wording.SILENT,
        error_class=None,
        last_success_at=None,
    )


def host_heard(event: HostOnline) -> Success:
    """An agent that is heard again."""
    return Success(Key(event.host_id, AlertKind.HOST_OFFLINE, ""), event.evidence_at, None, Resolution.AUTO)


def own_trouble(kind: OwnKind, dedup_key: str, name: str, message: str | None, at: datetime) -> Failure:
    """What is wrong with Keepwatch itself is a failure of the host that it is to itself."""
    return Failure(
        key=Key(OWN_HOST_ID, kind, dedup_key),
        at=at,
        job_id=None,
        host_name=OWN_HOST_NAME,
        host_labels={},
        source_group_id=None,
        source_group_name=None,
        severity=OWN_SEVERITY[kind],
        title=wording.own_title(kind, name, message),
        message=message,
        hint=wording.OWN_HINTS[kind],
        error_class=None,
        last_success_at=None,
    )


def own_recovery(kind: OwnKind, dedup_key: str, at: datetime) -> Success:
    """It is over with this one; others of its kind have keys of their own."""
    return Success(Key(OWN_HOST_ID, kind, dedup_key), at, None, Resolution.AUTO)


def judge(marks: Marks, found: Sequence[Finding]) -> Judgement:
    """What findings about one key, in the order they came, do to it when its marks stand like this."""
    changes: list[Change] = []
    outcomes = []
    for finding in found:
        outcome = _outcome(marks, finding)
        outcomes.append(outcome)
        if outcome is Evidence.APPLIED and (isinstance(finding, Failure) or _may_be_open(marks, finding.key)):
            _append(changes, finding)
        marks = moved(marks, finding)
    return Judgement(changes, outcomes)


def _may_be_open(marks: Marks, key: Key) -> bool:
    """Whether there may be something to clear: not where nothing was ever raised, as with warnings of most groups.

    What code from before alerts had keys raised, while it was being replaced, has no key and no mark. Of failed backups
    it stands for its whole host; a success of any group clears that.
    """
    return marks.raised_at > NEVER or key.kind is AlertKind.BACKUP_FAILED or not key.dedup_key


def _outcome(marks: Marks, finding: Finding) -> Evidence:
    if isinstance(finding, Failure):
        return Evidence.LATE if finding.at < marks.cleared_at else Evidence.APPLIED
    return Evidence.LATE if finding.at <= max(marks.raised_at, marks.cleared_at) else Evidence.APPLIED


def moved(marks: Marks, finding: Finding) -> Marks:
    """The marks after a finding, whatever it did: they are the newest known of either kind."""
    if isinstance(finding, Failure):
        return Marks(max(marks.raised_at, finding.at), marks.cleared_at)
    return Marks(marks.raised_at, max(marks.cleared_at, finding.at))


def _append(changes: list[Change], finding: Finding) -> None:
    """Fold the finding into the run it continues, or begin the next one."""
    last = changes[-1] if changes else None
    if isinstance(finding, Failure):
        if isinstance(last, Raise):
            newest = finding if finding.at > last.newest.at else last.newest
            changes[-1] = Raise(newest, last.first, last.occurrences + 1)
        else:
            changes.append(Raise(finding, finding, 1))
    elif isinstance(last, Clear):
        changes[-1] = Clear(finding, last.first)
    else:
        changes.append(Clear(finding, finding))


def overall(outcomes: Sequence[Evidence]) -> Evidence:
    """What a job's end did, all its findings together."""
    if not outcomes:
        return Evidence.NONE
    return Evidence.APPLIED if Evidence.APPLIED in outcomes else Evidence.LATE

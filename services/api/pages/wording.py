"""What the pages of hosts and jobs say in words: sizes, times, reasons, and what a job's end did."""

from datetime import datetime, timedelta
from typing import Any

from services.api.pages.failing_lines import printable
from shared.asks.alerts import Alert
from shared.reasons import HINTS, REASONS, UNKNOWN
from shared.vocabulary import ErrorClass, Evidence, HostStatus, JobKind, JobTrigger

SIZES = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
STEP = 1024
TEN = 10
SHORTEST = 0.05
MINUTE, HOUR, DAY = 60, 3600, 86400
STATUSES = {
    HostStatus.ONLINE: "online",
    HostStatus.OFFLINE: "offline",
    HostStatus.NEVER_SEEN: "never seen",
}
KINDS = {
    JobKind.BACKUP: "Backup",
    JobKind.FORGET: "Forget",
    JobKind.PRUNE: "Prune",
    JobKind.CHECK: "Check",
}
TRIGGERS = {
    JobTrigger.MANUAL: "by hand",
    JobTrigger.SCHEDULE: "by a schedule",
    JobTrigger.REPORT: "reported from outside an agent",
}
EVIDENCE = {
    Evidence.APPLIED: "Its end counted for the alerts.",
    Evidence.LATE: "Its end came too late to count: something newer was known of the same by then.",
    Evidence.REPEATED: "Its end was told more than once, and counted once.",
    Evidence.NONE: "Its end says nothing about what is backed up, so it changed no alert.",
}
NOT_JUDGED = "Its end has not been judged yet. That takes a moment."
NEVER_JUDGED = "It is of the past that was made up for the demo: it changed no alert."
NO_JUDGE = "What its end did to the alerts can't be told right now: the alerts service does not answer."
EFFECTS = {
    "raised": "It raised this alert.",
    "counted": "It counts on this alert, which stood already.",
    "resolved": "It resolved this alert.",
}


def size(count: float | None) -> str:
    """A number of bytes as people say it: "1.4 GiB"."""
    if count is None:
        return "unknown"
    value, unit = float(count), 0
    while value >= STEP and unit < len(SIZES) - 1:
        value, unit = value / STEP, unit + 1
    return f"{value:.1f} {SIZES[unit]}" if 0 < value < TEN and unit else f"{value:.0f} {SIZES[unit]}"


def duration(span: timedelta | float | None) -> str:
    """How long something took: "3 min 20 s"; of two units the larger ones."""
    if span is None:
        return "unknown"
    seconds = max(span.total_seconds() if isinstance(span, timedelta) else float(span), 0.0)
    if seconds < TEN:
        return f"{seconds:.1f} s" if seconds >= SHORTEST else "0 s"
    whole = round(seconds)
    for length, unit, part, small in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s")):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit} {rest} {small}" if rest else f"{whole // length} {unit}"
    return f"{whole} s"


def took(started: datetime | None, finished: datetime | None) -> timedelta | None:
    """How long it took, as far as it began and ended."""
    return finished - started if started and finished else None


def reason(error_class: ErrorClass | None) -> str:
    """Why a job failed or warned, in a few words; empty when the class says nothing."""
    return REASONS.get(error_class, "") if error_class else ""


def sentence(words: str) -> str:
    """The words with a capital at their beginning."""
    return words[:1].upper() + words[1:]


def hint(error_class: ErrorClass | None) -> str:
    """What to do about it."""
    return HINTS.get(error_class, UNKNOWN) if error_class else ""


def advice(alert: Alert) -> str:
    """One line for a list: what to do, or what was said where nobody knows what that is."""
    if alert.error_class in {None, ErrorClass.OTHER} and alert.message:
        return printable(alert.message).strip().partition("\n")[0]
    return alert.hint or ""


def evidence(found: Evidence | None, *, judge_away: bool) -> str:
    """What the end of a job did, as a sentence."""
    if found is None:
        return NO_JUDGE if judge_away else NOT_JUDGED
    return EVIDENCE[found]


def done_so_far(progress: dict[str, Any] | None) -> str:
    """How far a job is: "42 %, 1.4 GiB, 310 files"."""
    told = progress or {}
    parts = [f"{percent(told):.0f} %"] if progress else ["just begun"]
    parts += [size(told["bytes_done"])] if told.get("bytes_done") else []
    parts += [_files(told["files_done"])] if told.get("files_done") else []
    return ", ".join(parts)


def percent(progress: dict[str, Any] | None) -> float:
    """How far a job is, from 0 to 100."""
    value = (progress or {}).get("percent")
    return min(max(float(value), 0.0), 100.0) if isinstance(value, (int, float)) else 0.0


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"

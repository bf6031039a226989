"""What an alert says: a title that names host, group and reason, and a hint that says what to do about it."""

from shared.events import JobFinished
from shared.own_host import OWN_HOST_NAME
from shared.reasons import HINTS, REASONS, UNKNOWN
from shared.vocabulary import AlertKind, ErrorClass, JobKind, TerminalStatus

FAILED_CHECK = (
    "The repository's structure or data is damaged. Stop prune, keep the repository as it is, and follow restic's"
    " troubleshooting guide before the next backup relies on it."
)
SILENT = (
    "Nothing is heard of the host's agent, so nothing is backed up there. Check the host, its network and the agent."
)

OWN_HINTS: dict[AlertKind, str] = {
    AlertKind.DEAD_LETTER: "It was kept with its error, and everything else goes on. See it with"
    " `keepwatch dead-letters list`; when the cause is mended, `keepwatch dead-letters replay` handles it after all.",
    AlertKind.CHANNEL_DISABLED: "Nobody is told by this channel any more, and what waited for it was given up. Mend the"
    " receiver, then enable the channel; what was given up can be retried on its page.",
    AlertKind.CANARY_LOST: "A message that is sent through the whole system did not come out in time, so alerts may be"
    " late or lost. `keepwatch doctor` looks for the cause.",
}


def title(event: JobFinished) -> str:
    """What happened, where, in one line."""
    where = f"{event.host_name} / {event.source_group_name}" if event.source_group_name else event.host_name
    return f"{where}: {_what(event)}"


def hint(event: JobFinished) -> str:
    """What to do about it."""
    if event.kind is JobKind.CHECK and event.error_class in {None, ErrorClass.OTHER}:
        return FAILED_CHECK
    return HINTS.get(event.error_class, UNKNOWN) if event.error_class else UNKNOWN


def silence_title(host_name: str, seconds: int) -> str:
    """How long a host's agent has been silent, in the largest unit that fits."""
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{host_name}: agent silent for {seconds // length} {unit}"
    return f"{host_name}: agent silent for {seconds} s"


def own_title(kind: AlertKind, name: str, message: str | None) -> str:
    """What is wrong with Keepwatch itself, in one line."""
    match kind:
        case AlertKind.DEAD_LETTER:
            return f"{OWN_HOST_NAME}: a message that {name} could not handle was set aside"
        case AlertKind.CHANNEL_DISABLED:
            return f"{OWN_HOST_NAME}: channel {name} disabled" + (f", {message}" if message else "")
        case _:
            return f"{OWN_HOST_NAME}: the canary did not arrive"


def _what(event: JobFinished) -> str:
    if event.kind is JobKind.BACKUP and event.status is TerminalStatus.WARNING:
        return _saved_but(event)
    reason = REASONS.get(event.error_class) if event.error_class else None
    if event.kind is JobKind.CHECK and reason is None:
        return "repository check found errors"
    verb = "repository check" if event.kind is JobKind.CHECK else event.kind.value
    ended = "ended with warnings" if event.status is TerminalStatus.WARNING else "failed"
    return f"{verb} {ended}, {reason}" if reason else f"{verb} {ended}{_exit(event)}"


def _saved_but(event: JobFinished) -> str:
    if event.error_class is ErrorClass.SOURCE_MISSING:
        return "saved, but a source path is missing"
    if event.unreadable_files:
        noun = "file" if event.unreadable_files == 1 else "files"
        return f"saved, {event.unreadable_files} {noun} unreadable"
    reason = REASONS.get(event.error_class) if event.error_class else None
    return f"saved, {reason}" if reason else "saved, with warnings"


def _exit(event: JobFinished) -> str:
    return f", exit code {event.exit_code}" if event.exit_code else ""

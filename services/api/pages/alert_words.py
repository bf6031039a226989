"""What an alert's page says in sentences: what failed, how it ended, and why a channel was told or not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.asks.alerts import Acknowledge, Alert, AlertDetail, Resolve
from shared.asks.deliveries import Decision, Delivery
from shared.vocabulary import AlertKind, DeliveryState, ErrorClass, Resolution

KINDS = {
    AlertKind.BACKUP_FAILED: "Backup failed",
    AlertKind.BACKUP_WARNING: "Backup incomplete",
    AlertKind.CHECK_FAILED: "Check failed",
    AlertKind.FORGET_FAILED: "Forget failed",
    AlertKind.PRUNE_FAILED: "Prune failed",
    AlertKind.HOST_OFFLINE: "Host offline",
    AlertKind.DEAD_LETTER: "Dead letter",
    AlertKind.CHANNEL_DISABLED: "Channel disabled",
    AlertKind.CANARY_LOST: "Canary lost",
}
WHAT = {
    AlertKind.BACKUP_FAILED: "The backup of {what} failed, so nothing new was saved.",
    AlertKind.BACKUP_WARNING: "The backup of {what} was saved, but not everything is in it.",
    AlertKind.CHECK_FAILED: "The check of the repository of {what} did not pass, so its backups may not be restorable.",
    AlertKind.FORGET_FAILED: "Old snapshots of {what} were not removed. What is backed up is not affected.",
    AlertKind.PRUNE_FAILED: "Space of removed snapshots of {what} was not freed. What is backed up is not affected.",
    AlertKind.HOST_OFFLINE: "Nothing is heard of the agent on {what}, so nothing is backed up there.",
    AlertKind.DEAD_LETTER: "A service of {what} could not handle a message, so what it said had no effect yet.",
    AlertKind.CHANNEL_DISABLED: "A channel of {what} was disabled, so nobody is told by it any more.",
    AlertKind.CANARY_LOST: "A message sent through all of {what} did not come out, so alerts may not either.",
}
WHY = {
    ErrorClass.LOCKED: "Another process held the lock of the repository.",
    ErrorClass.WRONG_PASSWORD: "The repository does not open with the password that is set.",
    ErrorClass.REPO_MISSING: "The repository is not where it was.",
    ErrorClass.REPO_CHANGED: "A different repository is where the known one was.",
    ErrorClass.REPO_UNREACHABLE: "The repository could not be reached.",
    ErrorClass.NO_SPACE: "There was no space left.",
    ErrorClass.SOURCE_MISSING: "A path that is to be backed up does not exist on the host.",
    ErrorClass.SOURCE_UNREADABLE: "Some files could not be read.",
    ErrorClass.RESTIC_MISSING: "restic is not installed on the host.",
    ErrorClass.NOT_ALLOWED: "The agent is not allowed to do this by its own command line.",
    ErrorClass.INTERRUPTED: "The job was stopped before its end.",
    ErrorClass.AGENT_LOST: "The agent lost the job before it could report.",
    ErrorClass.TIMEOUT: "The job took longer than it may.",
    ErrorClass.HOOK_FAILED: "A command that belongs to the job failed.",
}
ENDINGS = {
    Resolution.AUTO: "Resolved by itself, as it works again",
    Resolution.MANUAL: "Resolved",
    Resolution.SUPERSEDED: "Resolved, as something newer is known",
    Resolution.SOURCE_DELETED: "Resolved, as the source group was deleted",
    Resolution.HOST_DELETED: "Resolved, as the host was deleted",
}
EVENTS = {"raised": "Raised", "acked": "Acknowledged"}
MOMENTS = {"raised": "When it was raised", "acked": "When it was acknowledged", "resolved": "When it was resolved"}
DONE, CONFLICT = 204, 409
WAITING = {DeliveryState.PENDING, DeliveryState.FAILED}
RAISE_WITHHELD = "the raise was withheld: "


def what_failed(alert: Alert) -> str:
    """What is wrong, in words for a person who has just been woken up."""
    what = f"{alert.source_group_name} on {alert.host_name}" if alert.source_group_name else alert.host_name
    why = WHY.get(alert.error_class) if alert.error_class else None
    return " ".join(filter(None, [WHAT[alert.kind].format(what=what), why]))


def happened(event: str, alert: Alert) -> str:
    """What an entry of the timeline says."""
    if event == "resolved" and alert.resolution:
        return ENDINGS[alert.resolution]
    return EVENTS.get(event, event.capitalize())


@dataclass(frozen=True)
class Told:
    """Why one channel was, or was not, told of one event, and what became of it; `held` back by an earlier event."""

    channel_name: str
    due: bool
    sentence: str
    delivery: Delivery | None
    held: bool


def told(alert: AlertDetail) -> dict[str, list[Told]]:
    """For each event of the alert, in order, what every channel of that moment was told of it."""
    sent = {(delivery.event, delivery.channel_id): delivery for delivery in alert.deliveries or []}
    found: dict[str, list[Told]] = {entry.type: [] for entry in alert.timeline}
    stuck = set()
    for decision in alert.decisions or []:
        delivery = sent.get((decision.event, decision.channel_id))
        name = delivery.channel_name if delivery else decision.channel_name
        held = decision.channel_id in stuck
        found.setdefault(decision.event, []).append(Told(name, decision.due, because(decision), delivery, held))
        if delivery and delivery.state in WAITING:
            stuck.add(decision.channel_id)
    return found


def because(decision: Decision) -> str:
    """The reason of a decision as a sentence."""
    if decision.due:
        return "Told, because the channel is on and wants such events of such alerts."
    if decision.reason.startswith(RAISE_WITHHELD):
        reason = decision.reason.removeprefix(RAISE_WITHHELD)
        return f"Not told, because it was not told of the alert in the first place: {reason}."
    return f"Not told, because {decision.reason}."


def outcome(click: type[Acknowledge | Resolve], status: int, count: int = 1) -> str:
    """How it went with an alert, or with so many."""
    if status == DONE:
        return "acknowledged" if click is Acknowledge else "resolved"
    verb = "was" if count == 1 else "were"
    return f"{verb} resolved already" if status == CONFLICT else f"{verb} not found"


def in_sum(click: type[Acknowledge | Resolve], statuses: Sequence[int]) -> str:
    """How it went with many alerts: "3 acknowledged, 1 was resolved already"."""
    counts = sorted(Counter(statuses).items(), key=lambda each: (each[0] != DONE, each[0]))
    return ", ".join(f"{count} {outcome(click, status, count)}" for status, count in counts)

"""Who is told what, and what follows a try: pure decisions with named outcomes."""

from collections.abc import Sequence
from datetime import timedelta

from services.notifier.model import (
    Arrived,
    Cause,
    Delivered,
    Due,
    Listener,
    Next,
    Outcome,
    Refused,
    Unreachable,
    Withheld,
)
from shared.asks.channels import ChannelFilter
from shared.events import AlertSnapshot
from shared.own_host import CANARY_HOST_ID, SINK_CHANNEL_ID
from shared.vocabulary import AlertChange, DeliveryState

MAX_RETRY_AFTER = timedelta(hours=6)
LOST_ON_THE_WAY = {408, 499, 502, 504, 520, 524}
"""What a proxy answers that may have passed the call on and did not get the receiver's own answer; the last two are of
a large content network (Cloudflare: unknown error, a timeout occurred)."""
JITTER = 0.2
"""Delays are stretched by up to this share, never shortened."""


def concerns(listener: Listener, arrived: Arrived) -> bool:
    """Whether there is anything to decide: the sink hears of the canary, and everybody else of everything else."""
    return (listener.id == SINK_CHANNEL_ID) == (arrived.event.alert.host_id == CANARY_HOST_ID)


def decide(listener: Listener, arrived: Arrived, raise_withheld: Withheld | None) -> Due | Withheld:
    """Whether this channel is told of this event; `raise_withheld` is what kept the alert's raise from it."""
    if not listener.enabled:
        return Withheld(Cause.DISABLED, "the channel is disabled")
    if arrived.change not in listener.events:
        return Withheld(Cause.EVENTS, f"its events do not include {arrived.change}")
    if mismatch := _mismatch(listener.filter, arrived.event.alert):
        return Withheld(Cause.FILTER, mismatch)
    if arrived.change is not AlertChange.RAISED and raise_withheld and _silences_the_rest(raise_withheld):
        return Withheld(Cause.RAISE_WITHHELD, f"the raise was withheld: {raise_withheld.reason}")
    return Due("enabled, events and filter match")


def _silences_the_rest(raise_withheld: Withheld) -> bool:
    # Who does not want to hear of raises, but of resolutions, has said so.
    return raise_withheld.cause is not Cause.EVENTS


def _mismatch(wanted: ChannelFilter, alert: AlertSnapshot) -> str | None:
    if wanted.min_severity and alert.severity.rank < wanted.min_severity.rank:
        return f"severity {alert.severity} is below {wanted.min_severity}"
    if wanted.kinds is not None and alert.kind not in wanted.kinds:
        return f"kind {alert.kind} is not among {', '.join(wanted.kinds)}"
    for name, value in (wanted.host_labels or {}).items():
        if alert.host_labels.get(name) != value:
            return f"host label {name} is not {value}"
    return None


def contiguous(done: int, waiting: Sequence[int]) -> list[int]:
    """The versions that may be fanned out now: those that follow `done` without a gap."""
    ready: list[int] = []
    for version in sorted(waiting):
        if version == done + 1 + len(ready):
            ready.append(version)
    return ready


def unknown(why: str) -> str:
    """What is said of a delivery that is not sent again although it may not have arrived."""
    return f"nobody knows whether it arrived, and it is sent at most once: {why}"


def _may_have_arrived(outcome: Outcome) -> bool:
    """Whether nobody can say: no answer came, or one of a server that failed on the way."""
    if isinstance(outcome, Refused):
        return outcome.status in LOST_ON_THE_WAY
    return isinstance(outcome, Unreachable) and not outcome.unsent


def after_try(
    outcome: Outcome, tries: int, schedule: Sequence[float], luck: float, *, at_most_once: bool = False
) -> Next:
    """Where a delivery stands after its `tries`-th try; `luck` in [0, 1) spreads the retries."""
    if isinstance(outcome, Delivered):
        return Next(DeliveryState.DELIVERED)
    if isinstance(outcome, Refused) and outcome.gone:
        return Next(DeliveryState.DEAD, error=outcome.reason)
    if at_most_once and _may_have_arrived(outcome):
        return Next(DeliveryState.DEAD, error=unknown(outcome.reason))
    if tries >= len(schedule):
        return Next(DeliveryState.DEAD, error=f"given up after {tries} tries: {outcome.reason}")
    delay = timedelta(seconds=schedule[tries] * (1 + JITTER * luck))
    if isinstance(outcome, Refused) and outcome.retry_after:
        delay = max(delay, min(outcome.retry_after, MAX_RETRY_AFTER))
    return Next(DeliveryState.FAILED, after=delay, error=outcome.reason)

"""What follows when an alert's events arrive: each channel of that moment is decided on, in order of version."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import prometheus_client
import structlog
from opentelemetry.trace import SpanKind

from services.notifier import rules
from services.notifier.model import Arrived, Claimed, Decided, Due, EventKey, Listener, When, Withheld
from services.notifier.queries import events as queries
from shared.db import Connection, Pool, in_transaction
from shared.events import AlertAcked, AlertEvent, AlertRaised, AlertResolved
from shared.tracing import tracing
from shared.vocabulary import AlertChange

log = structlog.get_logger()
DECISIONS = prometheus_client.Counter("keepwatch_decisions", "Decisions about an event and a channel", ["outcome"])

EVENTS: dict[AlertChange, type[AlertEvent]] = {
    AlertChange.RAISED: AlertRaised,
    AlertChange.ACKED: AlertAcked,
    AlertChange.RESOLVED: AlertResolved,
}


def decode(change: str, payload: str | bytes) -> Arrived:
    """The event of this text; ValueError when it is none."""
    text = payload if isinstance(payload, str) else payload.decode()
    kind = AlertChange(change)
    return Arrived(EVENTS[kind].model_validate_json(text), text, kind)


class Sender(Protocol):
    """Somebody who may send deliveries as soon as they are made, so that nobody need look for them first."""

    lease: timedelta

    def takes(self, wanted: Mapping[UUID, int]) -> list[UUID]:
        """To which of these channels it would send so many at once; to the others they wait, as do those after them."""

    async def send(self, claimed: Sequence[Claimed], at: float) -> bool:
        """Send these, whose transaction began at `at` (monotonic seconds), or give them back; whether it sends."""

    def give_back(self, claimed: Sequence[Claimed]) -> None:
        """End the leases of these soon, if they are leased: nobody knows whether that was committed."""


async def alerts_changed(
    pool: Pool, arrived: Sequence[Arrived], first_after: timedelta, sender: Sender | None = None
) -> int:
    """Take events in and fan out what is complete; how many deliveries that made which the sender has not taken."""
    begun = time.time()
    at = time.monotonic()
    claimed: list[Claimed] = []

    async def work(tx: Connection) -> list[Decided]:
        decided, claimed[:] = await take_in(tx, arrived, first_after, sender)
        return decided

    try:
        decided = await in_transaction(pool, work)
    except BaseException:
        if sender:
            sender.give_back(claimed)
        raise
    sent = sender is not None and bool(claimed) and await sender.send(claimed, at)
    if tracing.on:
        for each in arrived:
            about = {"event_id": str(each.event.event_id), "change": each.change.value}
            tracing.part(each.event.alert.raised_job_id, "notifier: fan out", begun, SpanKind.CONSUMER, **about)
    return tell(decided) - (len(claimed) if sent else 0)


def tell(decided: Sequence[Decided]) -> int:
    """Count and log decisions that have been committed; how many deliveries they made."""
    outcomes = Counter("due" if isinstance(one.outcome, Due) else one.outcome.cause.value for one in decided)
    for outcome, times in outcomes.items():
        DECISIONS.labels(outcome).inc(times)
    if log.is_enabled_for(logging.DEBUG):
        for one in decided:
            _tell(one)
    return outcomes["due"]


async def take_in(
    tx: Connection, arrived: Sequence[Arrived], first_after: timedelta, sender: Sender | None = None
) -> tuple[list[Decided], list[Claimed]]:
    """The same as part of a transaction: what was decided and what is to be sent, both once that is committed."""
    alerts = list(dict.fromkeys(one.event.alert_id for one in arrived))
    done = await queries.lock_fan_out(tx, alerts)
    waited = await queries.waiting_events(tx, done)
    ready = await _ready(tx, arrived, done, waited)
    keys = [one.key for one in ready]
    await queries.insert_events(tx, arrived, set(keys))
    if not ready:
        return [], []
    decided = _decide_all(ready, await queries.listeners(tx), await _withheld_before(tx, ready))
    when = When(first_after) if first_after or not sender else _at_once(decided, sender)
    return decided, await queries.fan_out(tx, keys, waited.intersection(keys), decided, when)


def _at_once(decided: Sequence[Decided], sender: Sender) -> When:
    first = Counter(one.listener.id for one in decided if one.first and isinstance(one.outcome, Due))
    return When(timedelta(0), sender.takes(first), sender.lease)


async def _ready(
    tx: Connection, arrived: Sequence[Arrived], done: dict[UUID, int], waited: set[EventKey]
) -> list[Arrived]:
    """The events that follow what has been fanned out without a gap, in order, whenever they arrived."""
    known: dict[EventKey, Arrived] = {one.key: one for one in arrived}
    versions = defaultdict(list)  # alerts in the order of their arrival
    for alert, version in (*known, *(waited - known.keys())):
        versions[alert].append(version)
    keys = [(alert, version) for alert, given in versions.items() for version in rules.contiguous(done[alert], given)]
    if earlier := [key for key in keys if key not in known]:
        stored = [decode(change, payload) for change, payload in await queries.payloads(tx, earlier)]
        known |= {one.key: one for one in stored}
    return [known[key] for key in keys]


async def _withheld_before(tx: Connection, ready: Sequence[Arrived]) -> dict[tuple[UUID, UUID], Withheld]:
    later = list({one.event.alert_id for one in ready if one.change is not AlertChange.RAISED})
    return await queries.withheld_raises(tx, later) if later else {}


def _decide_all(
    ready: Sequence[Arrived], listeners: Sequence[Listener], withheld: dict[tuple[UUID, UUID], Withheld]
) -> list[Decided]:
    decided = []
    for arrived in ready:
        for listener in listeners:
            if not rules.concerns(listener, arrived):
                continue
            key = (arrived.event.alert_id, listener.id)
            outcome = rules.decide(listener, arrived, withheld.get(key))
            if arrived.change is AlertChange.RAISED and isinstance(outcome, Withheld):
                withheld[key] = outcome  # for events of the same alert in the same batch
            decided.append(Decided(arrived, listener, outcome))
    return decided


def _tell(decided: Decided) -> None:
    log.debug(  # for every channel and event, and kept in the database as well
        "decided",
        alert_id=str(decided.arrived.event.alert_id),
        change=decided.arrived.change.value,
        channel_id=str(decided.listener.id),
        due=isinstance(decided.outcome, Due),
        reason=decided.outcome.reason,
    )

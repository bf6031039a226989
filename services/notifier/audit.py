"""Looks whether everything that happened to alerts is accounted for: told, being told, or with the reason why not.

Alerts says what happened, and we look it up here: what neither side finds by itself, a transition that got lost on its
way between them, is found by holding one against the other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from nats.aio.client import Client
from prometheus_client import Gauge

from services.notifier.model import Fault
from services.notifier.queries import audit as queries
from shared.asks.alerts import ListTransitions, Transition
from shared.bus import ask
from shared.clock import Clock, utc_now
from shared.db import Connection, Pool
from shared.refusal import Refusal
from shared.streams import MAX_AGE

log = structlog.get_logger()
SECONDS = 300.0
"""Between two looks."""
SETTLED = timedelta(minutes=10)
"""How long a transition may take until people are told, or the reason why not is recorded."""
PAGE = 500
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
MISSING = Gauge("keepwatch_audit_missing", "Transitions of the last seven days that nobody was told of for no reason")
LOOKED = Gauge("keepwatch_audit_timestamp_seconds", "When it was last looked whether any is missing")

Tell = Callable[[ListTransitions], Awaitable[list[Transition] | Refusal]]
"""Alerts' answer, wherever it is had from."""


@dataclass(frozen=True)
class Missing:
    """A transition that is not accounted for."""

    transition: Transition
    fault: Fault


async def missing(
    db: Pool | Connection, tell: Tell, since: datetime = BEGINNING, settled: timedelta = SETTLED
) -> list[Missing] | Refusal:
    """What is not accounted for of all that happened after `since` and longer ago than `settled`, oldest first."""
    found: list[Missing] = []
    at, last = since, 0
    while True:
        question = ListTransitions(after_at=at, after_id=last, settled_seconds=settled.total_seconds(), limit=PAGE)
        told = await tell(question)
        if isinstance(told, Refusal):
            return told
        found += await _unaccounted(db, told)
        if len(told) < PAGE:
            return found
        at, last = told[-1].at, told[-1].id


async def _unaccounted(db: Pool | Connection, told: list[Transition]) -> list[Missing]:
    keys = [(one.alert_id, one.version) for one in told]
    faults = await queries.faults(db, keys, [one.event_id for one in told])
    found = []
    for one, key in zip(told, keys, strict=True):
        if not one.published:
            found.append(Missing(one, Fault.NOT_PUBLISHED))
        elif key in faults:
            found.append(Missing(one, faults[key]))
        elif not one.whole:
            found.append(Missing(one, Fault.VERSION_MISSING))
    return found


@dataclass
class Audit:
    """Looks again and again; what it found last is for Prometheus, and for whoever says that all is well."""

    pool: Pool
    client: Client
    clock: Clock = utc_now
    settled: timedelta = SETTLED
    clean_at: datetime | None = field(default=None, init=False)
    """When it was last found that nothing was missing; null when the last look found something."""

    async def look(self) -> bool:
        """Look at the last seven days once."""
        begun = self.clock()
        found = await missing(self.pool, partial(ask, self.client), begun - MAX_AGE, self.settled)
        if isinstance(found, Refusal):
            raise TimeoutError(found.detail)  # and soon again
        for one in found:
            log.error(
                "transition not accounted for",
                alert_id=str(one.transition.alert_id),
                version=one.transition.version,
                reason=one.fault.value,
            )
        MISSING.set(len(found))
        LOOKED.set(begun.timestamp())
        self.clean_at = None if found else begun
        return False

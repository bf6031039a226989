"""Asks alerts for events that should have come: nothing is fanned out before what happened earlier."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from nats.aio.client import Client

from services.notifier import handlers
from services.notifier.model import Arrived
from services.notifier.queries import events as queries
from services.notifier.queries import own_trouble
from shared.asks.alerts import TellEvents
from shared.bus import ask
from shared.db import Connection, Pool, in_transaction
from shared.events import AlertEvent
from shared.refusal import Refusal
from shared.vocabulary import AlertChange, AlertKind, AlertState

log = structlog.get_logger()
PATIENCE = timedelta(seconds=5)
PER_ROUND = 100
SECONDS = 2.0
MISSING = "missing"
"""Begins the key of an event that nobody has any more."""

CHANGES = {
    AlertState.OPEN: AlertChange.RAISED,
    AlertState.ACKED: AlertChange.ACKED,
    AlertState.RESOLVED: AlertChange.RESOLVED,
}


async def fill_gaps(pool: Pool, client: Client, first_after: timedelta, patience: timedelta = PATIENCE) -> int:
    """Ask for what has been missing for longer than `patience`; how many deliveries that made."""
    made = 0
    for alert_id, version in (await queries.gaps(pool, patience, PER_ROUND)).items():
        answer = await ask(client, TellEvents(alert_id=alert_id, after=version))
        if isinstance(answer, Refusal):
            log.warning("gap not filled", alert_id=str(alert_id), after_version=version, reason=answer.detail)
            break  # nobody there to ask; the next round tries again
        arrived = [_decoded(payload) for payload in answer]
        if not any(one.event.version == version + 1 for one in arrived):
            await in_transaction(pool, partial(_give_notice, alert_id, version + 1))
        made += await handlers.alerts_changed(pool, arrived, first_after)
    return made


async def _give_notice(alert_id: UUID, missing: int, tx: Connection) -> None:
    """Say once that people are not told of an alert any more: alerts itself has lost what happened to it."""
    key = f"{MISSING}/{alert_id}"
    await queries.lock_fan_out(tx, [alert_id])  # other replicas look for gaps as well
    if await own_trouble.said_wrong(tx, AlertKind.DEAD_LETTER, key):
        return
    log.error("alerts does not know the missing event", alert_id=str(alert_id), missing_version=missing)
    message = f"Version {missing} of alert {alert_id} is missing: nobody is told of what happened to it since."
    await own_trouble.note_wrong(tx, AlertKind.DEAD_LETTER, key, "notifier", message)


def _decoded(payload: str) -> Arrived:
    # The body does not name its subject; the state that a transition led to does.
    snapshot = AlertEvent.model_validate_json(payload).alert
    return handlers.decode(CHANGES[snapshot.state], payload)

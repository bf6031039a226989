"""Asks alerts for events that should have come: nothing is fanned out before what happened earlier."""

from datetime import timedelta
from uuid import UUID

import structlog
from nats.aio.client import Client

from services.notifier import handlers
from services.notifier.model import Arrived
from services.notifier.queries import events as queries
from shared.asks.alerts import TellEvents
from shared.bus import ask
from shared.db import Pool
from shared.events import AlertEvent
from shared.refusal import Refusal
from shared.vocabulary import AlertChange, AlertState

log = structlog.get_logger()
PATIENCE = timedelta(seconds=5)
PER_ROUND = 100
SECONDS = 5.0

CHANGES = {
    AlertState.OPEN: AlertChange.RAISED,
    AlertState.ACKED: AlertChange.ACKED,
    AlertState.RESOLVED: AlertChange.RESOLVED,
}


async def fill_gaps(pool: Pool, client: Client, first_after: timedelta, patience: timedelta = PATIENCE) -> int:
    """Ask for what has been missing for longer than `patience`; how many deliveries that made."""
    made = 0
    for alert_id, version in (await queries.gaps(pool, patience, PER_ROUND)).items():
        if missing := await _told(client, alert_id, version):
            made += await handlers.alerts_changed(pool, missing, first_after)
    return made


async def _told(client: Client, alert_id: UUID, after: int) -> list[Arrived]:
    """The events after this version; empty when alerts does not know or does not answer."""
    answer = await ask(client, TellEvents(alert_id=alert_id, after=after))
    if isinstance(answer, Refusal):
        log.warning("gap not filled", alert_id=str(alert_id), after_version=after, reason=answer.detail)
        return []
    arrived = [_decoded(payload) for payload in answer]
    if not any(one.event.version == after + 1 for one in arrived):
        log.error("alerts does not know the missing event", alert_id=str(alert_id), missing_version=after + 1)
    return arrived


def _decoded(payload: str) -> Arrived:
    # The body does not name its subject; the state that a transition led to does.
    snapshot = AlertEvent.model_validate_json(payload).alert
    return handlers.decode(CHANGES[snapshot.state], payload)

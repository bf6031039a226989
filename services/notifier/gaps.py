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
SECONDS = 2.0

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
        made += await handlers.alerts_changed(pool, _arrived(answer, alert_id, version + 1), first_after)
    return made


def _arrived(payloads: list[str], alert_id: UUID, missing: int) -> list[Arrived]:
    arrived = [_decoded(payload) for payload in payloads]
    if not any(one.event.version == missing for one in arrived):
        log.error("alerts does not know the missing event", alert_id=str(alert_id), missing_version=missing)
    return arrived


def _decoded(payload: str) -> Arrived:
    # The body does not name its subject; the state that a transition led to does.
    snapshot = AlertEvent.model_validate_json(payload).alert
    return handlers.decode(CHANGES[snapshot.state], payload)

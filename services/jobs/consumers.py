"""Subjects to handlers: heartbeats, wake-up calls and questions, all over core NATS."""

from functools import partial

import structlog
from faststream.nats import NatsBroker
from faststream.nats.message import NatsMessage
from pydantic import ValidationError

from services.jobs import handlers
from services.jobs.answers import ANSWERS, DEMO_ANSWERS
from services.jobs.desk import Desk
from shared.asks.agents import ALIVE_SUBJECT, AgentsAlive
from shared.bus import serve_answers
from shared.db import is_transient

log = structlog.get_logger()


def subscribe(broker: NatsBroker, desk: Desk, *, demo: bool) -> None:
    """Register all that jobs listens to."""
    desk.news.outbox.subscribe(broker)
    answers = {**ANSWERS, **(DEMO_ANSWERS if demo else {})}
    serve_answers(broker, "jobs", {ask: partial(answer, desk) for ask, answer in answers.items()})

    @broker.subscriber(ALIVE_SUBJECT, queue="jobs", max_workers=4, decoder=_raw_body, no_reply=True)
    async def on_agents_alive(body: bytes) -> None:
        try:
            await handlers.agents_alive(desk, AgentsAlive.model_validate_json(body))
        except ValidationError:
            log.warning("not a heartbeat", subject=ALIVE_SUBJECT, size=len(body))
        except Exception as error:
            # A lost heartbeat is followed by the next; only what will not mend itself needs a person.
            if not is_transient(error):
                raise
            log.warning("heartbeat not noted", error=type(error).__name__)


async def _raw_body(message: NatsMessage) -> bytes:
    return message.body

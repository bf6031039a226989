"""Subjects to handlers: decode, hand over, set aside what can't be decoded or handled."""

import time
from collections.abc import Awaitable, Callable
from functools import partial

from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.trace import SpanKind

from services.alerts import dead_letters, handlers
from services.alerts.model import Letter
from shared.bus import jetstream
from shared.db import Pool
from shared.events import JobFinished
from shared.poison import why
from shared.pull import Consumer
from shared.streams import ALERTS, ensure
from shared.tracing import tracing


def consumer(pool: Pool, client: Client, replicas: int, announce: Callable[[], Awaitable[None]]) -> Consumer:
    """Evidence from the stream; `announce` wakes the outbox when there is something to tell."""
    return Consumer(
        durable=ALERTS,
        handle=partial(_on_events, pool, announce),
        set_aside=partial(_set_aside, pool, announce),
        ensure=lambda: ensure(jetstream(client), replicas),
    )


async def _on_events(pool: Pool, announce: Callable[[], Awaitable[None]], messages: list[Msg]) -> None:
    begun = time.time()
    events = [handlers.decode(message.subject, message.data) for message in messages]
    changed = await handlers.apply(pool, events)
    if tracing.on:
        for event in events:
            if isinstance(event, JobFinished):
                tracing.part(event.job_id, "alerts: weigh", begun, SpanKind.CONSUMER, event_id=str(event.event_id))
    if changed:
        await announce()


async def _set_aside(pool: Pool, announce: Callable[[], Awaitable[None]], message: Msg, error: Exception) -> None:
    sequence = message.metadata.sequence.stream
    reason = why(error, dead_letters.ERROR_CHARACTERS)
    if await dead_letters.set_aside(pool, Letter(message.subject, sequence, message.data, reason)):
        await announce()

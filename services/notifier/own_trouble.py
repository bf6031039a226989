"""Tells alerts what is wrong with the notifier itself, until alerts has it committed."""

from datetime import timedelta

import structlog
from nats.aio.client import Client

from services.notifier.queries import own_trouble as queries
from shared.bus import ask
from shared.db import Pool
from shared.refusal import Refusal

log = structlog.get_logger()
SECONDS = 2.0
PER_ROUND = 100
AWAY = 503
KEPT = timedelta(days=30)


async def tell(pool: Pool, client: Client) -> bool:
    """Tell what has not been told; whether there is more. Every replica may: alerts counts each once."""
    waiting = await queries.to_tell(pool, PER_ROUND)
    told = []
    for trouble in waiting:
        answer = await ask(client, trouble)
        if not isinstance(answer, Refusal):
            told.append(trouble.event_id)
            continue
        log.warning("own trouble not told", event_id=str(trouble.event_id), reason=answer.detail)
        if answer.status == AWAY:
            break  # nobody there to ask; the next round tries again
    if told:
        await queries.told(pool, told)
        await queries.forget(pool, KEPT)
        log.info("own trouble told", count=len(told))
    return len(told) == PER_ROUND

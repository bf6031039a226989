"""The notifier process: alerts' events in, deliveries out."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import partial

import aiohttp
from faststream.nats import NatsBroker

from services.notifier import canary, figures, own_trouble, ping, retention
from services.notifier.answers import Answers
from services.notifier.audit import SECONDS as AUDIT_SECONDS
from services.notifier.audit import Audit
from services.notifier.channel_answers import ChannelAnswers
from services.notifier.channels import kinds
from services.notifier.channels.webhook import open_lines
from services.notifier.consumers import consumer
from services.notifier.dead_letters import DeadLetterAnswers
from services.notifier.deliveries import Deliverer
from services.notifier.gaps import SECONDS as GAP_SECONDS
from services.notifier.gaps import fill_gaps
from services.notifier.handlers import alerts_changed
from services.notifier.model import Arrived
from services.notifier.results import Results
from services.notifier.settings import Settings
from services.notifier.tries import Tries
from shared import logs
from shared.bus import WakeCall, open_bus, serve_answers
from shared.db import open_pool
from shared.environment import load
from shared.health import broker_check, consumer_check, database_check, serve_health
from shared.loops import repeat
from shared.measures import SECONDS as MEASURE_SECONDS
from shared.measures import Measured
from shared.process import run_together, stopping
from shared.pull import consume
from shared.retention import SECONDS as RETENTION_SECONDS
from shared.sealing import Sealer
from shared.streams import DURABLES, NOTIFIER
from shared.tracing import tracing


async def run(environ: Mapping[str, str], listen: str, port: int | None) -> None:
    """Serve until SIGTERM or SIGINT; then what is being sent is finished and recorded."""
    settings = load(Settings, environ)
    logs.configure("notifier", settings.log_level, settings.log_format)
    async with tracing.configured("notifier", environ), stopping() as stop:
        await serve_notifier(settings, stop, listen, port)


async def serve_notifier(settings: Settings, stop: asyncio.Event, listen: str, port: int | None) -> None:
    """The composition root: serve until `stop`."""
    sealer = Sealer(settings.secret_key, settings.old_secret_keys)
    first_after = timedelta(seconds=settings.retry_schedule[0])
    keep = timedelta(days=settings.keep_deliveries_days)
    async with (
        open_pool(settings.database_url, "notifier") as pool,
        open_pool(settings.database_url, "notifier-deliveries", size=6, by_index=True) as delivery_pool,
        open_lines(settings.webhook_networks) as lines,
    ):
        ways = kinds(lines)
        watch = canary.Watch(pool, sealer, timedelta(seconds=settings.canary_seconds))
        if settings.canary_seconds:
            await watch.make_sink()
        wake = WakeCall("wake.notifier")
        dead_letters = DeadLetterAnswers(pool, first_after, wake.call)
        answers = Answers(pool, ChannelAnswers(pool, ways, sealer), dead_letters, wake.call)
        deliverer = Deliverer(
            delivery_pool,
            Tries(delivery_pool, ways, sealer, settings.retry_schedule, settings.public_url),
            Results(delivery_pool, timedelta(seconds=settings.disable_after_seconds)),
            wake=wake.heard,
        )

        def subscribe(broker: NatsBroker) -> None:
            serve_answers(broker, "notifier", answers.all())
            wake.subscribe(broker)

        async with open_bus(settings.nats_url, "notifier", subscribe) as client:
            wake.connect(client)

            async def watch_gaps() -> bool:
                if await fill_gaps(pool, client, first_after):
                    await wake.call()
                return False

            async def take_in(arrived: Sequence[Arrived]) -> None:
                if await alerts_changed(delivery_pool, arrived, first_after, deliverer):
                    await wake.call()

            checks = {
                "database": database_check(pool),
                "nats": broker_check(client),
                "consumer": consumer_check(client, NOTIFIER),
            }
            events = consumer(client, delivery_pool, settings.stream_replicas, take_in)
            audit = Audit(pool, client)
            measured = Measured(pool, client, {}, DURABLES)
            async with serve_health(listen, port, checks):
                await run_together(
                    stop,
                    repeat("measures", measured.look, stop=stop, seconds=MEASURE_SECONDS),
                    repeat("figures", partial(figures.look, pool), stop=stop, seconds=figures.SECONDS),
                    repeat(
                        "retention",
                        partial(retention.remove_some, pool, keep),
                        stop=stop,
                        seconds=RETENTION_SECONDS,
                    ),
                    consume(client, events, stop),
                    deliverer.run(stop),
                    repeat("audit", audit.look, stop=stop, seconds=AUDIT_SECONDS),
                    *_canary(watch, lines.kept, settings, audit, stop),
                    repeat("gaps", watch_gaps, stop=stop, seconds=GAP_SECONDS),
                    repeat(
                        "own trouble", partial(own_trouble.tell, pool, client), stop=stop, seconds=own_trouble.SECONDS
                    ),
                )


def _canary(
    watch: canary.Watch, session: aiohttp.ClientSession, settings: Settings, audit: Audit, stop: asyncio.Event
) -> list[Coroutine[None, None, None]]:
    """The loops that wait for canaries, where some are sent, and that tell somebody outside."""
    if not settings.canary_seconds:
        return []
    loops = [repeat("canary", watch.look, stop=stop, seconds=canary.SECONDS)]
    if settings.ping_url:
        call = ping.Ping(session, settings.ping_url, watch, audit).call
        loops.append(repeat("ping", call, stop=stop, seconds=ping.SECONDS))
    return loops

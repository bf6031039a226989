"""The alerts process: evidence in, alerts changed, transitions out."""

from collections.abc import Mapping
from functools import partial

from faststream.nats import NatsBroker

from services.alerts import figures, retention
from services.alerts.answers import Answers
from services.alerts.consumers import consumer
from services.alerts.outbox import ALERT_EVENTS, waiting
from services.alerts.settings import Settings
from shared import logs
from shared.bus import WakeCall, open_bus, serve_answers
from shared.db import open_pool
from shared.environment import load
from shared.health import broker_check, consumer_check, database_check, serve_health
from shared.loops import repeat
from shared.measures import SECONDS as MEASURE_SECONDS
from shared.measures import Measured
from shared.outbox import Relay
from shared.process import run_together, stopping
from shared.pull import consume
from shared.retention import SECONDS as RETENTION_SECONDS
from shared.streams import ALERTS, DURABLES
from shared.tracing import tracing


async def run(environ: Mapping[str, str], listen: str, port: int | None) -> None:
    """Serve until SIGTERM or SIGINT; then finish the batch in hand."""
    settings = load(Settings, environ)
    logs.configure("alerts", settings.log_level, settings.log_format)
    async with (
        tracing.configured("alerts", environ),
        stopping() as stop,
        open_pool(settings.database_url, "alerts") as pool,
        open_pool(settings.database_url, "alerts-evidence", size=2, by_index=True) as evidence_pool,
    ):
        wake = WakeCall("wake.alerts")
        answers = Answers(pool, wake.call)

        def subscribe(broker: NatsBroker) -> None:
            serve_answers(broker, "alerts", answers.all())
            wake.subscribe(broker)

        async with open_bus(settings.nats_url, "alerts", subscribe) as client:
            wake.connect(client)
            checks = {
                "database": database_check(pool),
                "nats": broker_check(client),
                "consumer": consumer_check(client, ALERTS),
            }
            relay = Relay(settings.database_url, client, ALERT_EVENTS, settings.stream_replicas, wake.heard)
            measured = Measured(pool, client, {"alerts": waiting}, DURABLES)
            async with serve_health(listen, port, checks):
                await run_together(
                    stop,
                    repeat("measures", measured.look, stop=stop, seconds=MEASURE_SECONDS),
                    repeat("figures", partial(figures.look, pool), stop=stop, seconds=figures.SECONDS),
                    repeat(
                        "retention",
                        partial(retention.remove_some, pool, settings),
                        stop=stop,
                        seconds=RETENTION_SECONDS,
                    ),
                    relay.run(stop),
                    consume(client, consumer(evidence_pool, client, settings.stream_replicas, wake.call), stop),
                )

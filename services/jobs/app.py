"""The jobs process, put together."""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from functools import partial

from faststream.nats import NatsBroker

from services.jobs import canary, consumers, dispatch, offline, schedules
from services.jobs.desk import Desk
from services.jobs.intake import Intake
from services.jobs.news import News
from services.jobs.queries import outbox
from services.jobs.retention import OldJobs, OldLogs
from services.jobs.settings import Settings
from shared import logs
from shared.bus import WakeCall, client_of, open_bus
from shared.db import Pool, open_pool
from shared.environment import load
from shared.health import broker_check, database_check, serve_health
from shared.loops import repeat
from shared.measures import SECONDS as MEASURE_SECONDS
from shared.measures import Measured
from shared.outbox import Relay
from shared.process import run_together, stopping
from shared.retention import SECONDS as RETENTION_SECONDS
from shared.sealing import Sealer
from shared.streams import DURABLES
from shared.tracing import tracing


async def run(environ: Mapping[str, str], listen: str, port: int | None) -> None:
    """Serve until SIGTERM; `port` is for health and metrics."""
    settings = load(Settings, environ)
    logs.configure("jobs", settings.log_level, settings.log_format)
    async with (
        tracing.configured("jobs", environ),
        stopping() as stop,
        open_pool(settings.database_url, "jobs") as pool,
        open_pool(settings.database_url, "jobs-reports", size=2, by_index=True) as report_pool,
    ):
        outbox_call, dispatch_wake = WakeCall("wake.jobs"), asyncio.Event()
        intake = Intake(report_pool)
        sealer = Sealer(settings.secret_key, settings.old_secret_keys)

        def subscribe(broker: NatsBroker) -> None:
            news = News(partial(client_of, broker), outbox_call, dispatch_wake)
            consumers.subscribe(broker, Desk(pool, sealer, news, intake), demo=settings.demo)

        async with open_bus(settings.nats_url, "jobs", subscribe) as client:
            outbox_call.connect(client)
            desk = Desk(pool, sealer, News(lambda: client, outbox_call, dispatch_wake), intake)
            relay = Relay(settings.database_url, client, outbox.TABLE, settings.stream_replicas, outbox_call.heard)
            checks = {"database": database_check(pool), "nats": broker_check(client)}
            old_jobs = OldJobs(pool, client, timedelta(days=settings.keep_jobs_days))
            old_logs = OldLogs(pool, client, timedelta(days=settings.keep_job_logs_days))
            measured = Measured(pool, client, {"jobs": outbox.waiting}, DURABLES)
            async with serve_health(listen, port, checks):
                await run_together(
                    stop,
                    repeat("measures", measured.look, stop=stop, seconds=MEASURE_SECONDS),
                    relay.run(stop),
                    intake.run(desk.news, stop),
                    repeat(
                        "dispatch",
                        partial(dispatch.dispatch, desk),
                        stop=stop,
                        seconds=dispatch.POLL_SECONDS,
                        wake=dispatch_wake,
                    ),
                    *_canary(pool, desk.news, settings.canary_seconds, stop),
                    repeat("old logs", old_logs.remove_some, stop=stop, seconds=RETENTION_SECONDS),
                    repeat("old jobs", old_jobs.remove_some, stop=stop, seconds=RETENTION_SECONDS),
                    repeat("schedules", partial(schedules.fire, desk), stop=stop, seconds=schedules.POLL_SECONDS),
                    repeat("offline", partial(offline.watch, desk), stop=stop, seconds=offline.TICK_SECONDS),
                )


def _canary(pool: Pool, news: News, seconds: float, stop: asyncio.Event) -> list[Coroutine[None, None, None]]:
    """The loop that sends canaries, where they are wanted."""
    if not seconds:
        return []
    send = partial(canary.send, pool, news, timedelta(seconds=seconds))
    return [repeat("canary", send, stop=stop, seconds=min(canary.POLL_SECONDS, seconds))]

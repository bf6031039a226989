"""Composition root of the gateway."""

import asyncio
import socket
from collections.abc import Mapping

from faststream.nats import NatsBroker

from services.api import csrf, environment_identity
from services.api.addresses import Addresses
from services.api.agents import ALIVE_SECONDS, Agents
from services.api.application import Parts, application
from services.api.auth import Doorkeeper
from services.api.feed import Feed
from services.api.owners import Owners
from services.api.passwords import Passwords
from services.api.server import bind, serve
from services.api.sessions import Sessions
from services.api.settings import Settings
from shared import logs
from shared.bus import open_bus
from shared.db import open_pool
from shared.environment import load
from shared.health import broker_check, database_check
from shared.loops import repeat
from shared.measures import SECONDS as MEASURE_SECONDS
from shared.measures import Measured
from shared.process import run_together, stopping
from shared.sealing import Sealer
from shared.tracing import tracing

PORT = 8480
ANSWER_SECONDS = 5.0
"""A database that is silent for longer is a 503: nobody waits for an answer that does not come."""
FORGET_SECONDS = 600.0


async def run(environ: Mapping[str, str], listen: str, port: int | None) -> None:
    """Serve the gateway until SIGTERM."""
    settings = load(Settings, environ)
    logs.configure("api", settings.log_level, settings.log_format)
    with bind(listen, PORT if port is None else port) as bound:
        # Not fewer looks for cycles here: it gains nothing by them, and what connections leave is let go soon.
        async with tracing.configured("api", environ), stopping(cycles=None) as stop:
            await serve_gateway(settings, bound, stop)


async def serve_gateway(settings: Settings, bound: socket.socket, stop: asyncio.Event) -> None:
    """Serve the gateway until `stop`."""
    async with (
        open_pool(settings.database_url, "api", statement_seconds=ANSWER_SECONDS) as pool,
        open_bus(settings.nats_url, "api", _subscribe_nothing) as client,
    ):
        passwords = Passwords()
        await environment_identity.keep(pool, settings, passwords)
        owners = Owners(client)
        csrf_key = csrf.key_of(settings.secret_key)
        doorkeeper = Doorkeeper(pool, owners, csrf_key, Addresses(settings.public_url))
        agents = Agents(owners, doorkeeper)
        feed = Feed(client)
        await agents.watch_takeovers()
        await feed.subscribe_hints()
        checks = {"database": database_check(pool), "nats": broker_check(client), "stream": feed.check}
        sessions = Sessions(pool, passwords, csrf_key)
        app = application(
            Parts(
                settings=settings,
                pool=pool,
                owners=owners,
                doorkeeper=doorkeeper,
                sessions=sessions,
                agents=agents,
                feed=feed,
                sealer=Sealer(settings.secret_key, settings.old_secret_keys),
                checks=checks,
            )
        )
        await run_together(
            stop,
            serve(app, bound, settings, stop),
            feed.run(stop),
            repeat("measures", Measured(pool, client, {}).look, stop=stop, seconds=MEASURE_SECONDS),
            repeat("alive", agents.tell_alive, stop=stop, seconds=ALIVE_SECONDS),
            repeat("forgetful", sessions.forget_tries, stop=stop, seconds=FORGET_SECONDS),
        )


def _subscribe_nothing(_: NatsBroker) -> None:
    """The gateway asks; it answers nothing."""

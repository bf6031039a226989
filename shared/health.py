"""`/healthz`, `/readyz` and `/metrics` of a service without HTTP of its own, and what "ready" means for all."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from nats.aio.client import Client
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.bus import jetstream
from shared.db import Pool
from shared.streams import STREAM, Durable

log = structlog.get_logger()
Check = Callable[[], Awaitable[None]]
CHECK_SECONDS = 3.0


def database_check(pool: Pool) -> Check:
    """Passes when the database answers."""

    async def check() -> None:
        await pool.fetchval("SELECT 1")

    return check


def consumer_check(client: Client, durable: Durable) -> Check:
    """Passes when the durable consumer exists."""

    async def check() -> None:
        await jetstream(client).consumer_info(STREAM, durable.name)

    return check


def broker_check(client: Client) -> Check:
    """Passes when NATS answers."""

    async def check() -> None:
        if not client.is_connected:
            raise ConnectionError("not connected")
        await client.flush(timeout=2)

    return check


async def failures(checks: Mapping[str, Check]) -> dict[str, str]:
    """The checks that do not pass now, and why; an empty answer means ready. It came in time, so the loop breathes."""

    async def one(name: str, check: Check) -> tuple[str, str] | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except Exception as error:  # noqa: BLE001  any reason is a reason not to be ready
            return name, type(error).__name__
        return None

    results = await asyncio.gather(*(one(name, check) for name, check in checks.items()))
    return dict(found for found in results if found)


@asynccontextmanager
async def serve_health(listen: str, port: int | None, checks: Mapping[str, Check]) -> AsyncIterator[None]:
    """Serve the three pages on `port` while inside; nothing when there is no port."""
    if port is None:
        yield
        return
    app = web.Application()
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/readyz", _readiness(checks))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, listen, port).start()
    log.info("health served", listen=listen, port=port)
    try:
        yield
    finally:
        await runner.cleanup()


async def _alive(_: web.Request) -> web.Response:
    return web.json_response({"status": "alive", "monotonic_seconds": round(time.monotonic(), 3)})


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _readiness(checks: Mapping[str, Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def ready(_: web.Request) -> web.Response:
        failed = await failures(checks)
        return web.json_response({"ready": not failed, "failed": failed}, status=503 if failed else 200)

    return ready

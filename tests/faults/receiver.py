"""A webhook receiver as they are found in the world: it refuses, stalls, redirects and hangs up."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

MOODS = {"yes": 60, "500": 10, "503": 5, "429": 8, "302": 5, "slow": 7, "hang up": 5}
"""How often each; `hang up` is after the whole request has come in."""
SLOW_SECONDS = 3.0


@dataclass(frozen=True)
class Call:
    """One call as it came in, whatever was answered."""

    webhook_id: str
    alert_id: str
    version: int
    event: str
    host: str
    group: str | None


@dataclass
class Listener:
    """One channel's address, and what came there."""

    name: str
    moody: bool
    secret: str = ""
    calls: list[Call] = field(default_factory=list)
    forged: int = 0
    """Calls whose signature was wrong."""


@dataclass
class Receiver:
    """Listens for all channels of a run."""

    rng: random.Random
    port: int = 0
    listeners: dict[str, Listener] = field(default_factory=dict)
    moods: dict[str, int] = field(default_factory=lambda: dict(MOODS))

    def url(self, name: str) -> str:
        """Where a channel is to call."""
        return f"http://127.0.0.1:{self.port}/{name}"

    async def receive(self, request: web.Request) -> web.StreamResponse:
        listener = self.listeners[request.match_info["name"]]
        body = await request.read()
        try:
            Webhook(listener.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            listener.forged += 1
        listener.calls.append(_call(request.headers["webhook-id"], json.loads(body)))
        return await self._answer(request) if listener.moody else web.Response(status=204)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        (mood,) = self.rng.choices(list(self.moods), list(self.moods.values()))
        match mood:
            case "slow":
                await asyncio.sleep(SLOW_SECONDS)
            case "hang up":
                assert request.transport is not None
                request.transport.abort()
            case "429":
                return web.Response(status=429, headers={"Retry-After": "1"})
            case "302":
                return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"})
            case "500" | "503":
                return web.Response(status=int(mood), text="not now")
        return web.Response(status=204)


def _call(webhook_id: str, body: dict[str, Any]) -> Call:
    alert = body["data"]["alert"]
    event = body["type"].removeprefix("alert.")
    return Call(webhook_id, alert["id"], alert["version"], event, alert["host_name"], alert["source_group_name"])


def first_arrivals(calls: list[Call]) -> dict[str, list[Call]]:
    """By alert: the calls in order of arrival, each `webhook-id` once."""
    seen: set[str] = set()
    found: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.webhook_id not in seen:
            seen.add(call.webhook_id)
            found[call.alert_id].append(call)
    return found


@asynccontextmanager
async def listening(rng: random.Random) -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    receiver = Receiver(rng)
    app = web.Application()
    app.router.add_post("/{name}", receiver.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()

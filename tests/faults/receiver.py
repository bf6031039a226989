"""A webhook receiver as they are found in the world: it refuses, stalls, redirects and hangs up."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

MOODS = {"yes": 60, "500": 10, "503": 5, "429": 8, "302": 5, "slow": 7, "hang up": 5}
"""How often each; `hang up` is after the whole request has come in."""
NOT_TAKEN = {"500", "503", "429", "302"}
"""The moods in which the receiver has told the sender that it did not take it."""
SLOW_SECONDS = 3.0
GONE_AFTER = 8
"""Calls that a receiver takes which is gone for good then."""


class Manner(Enum):
    """How a channel's receiver behaves."""

    STEADY = "steady"
    """It always takes it."""
    MOODY = "moody"
    ONCE = "once"
    """It is moody, and can't tell a repeat: its channel has `at_most_once`."""
    GONE = "gone"
    """It takes a few, and then says 410 for ever."""


@dataclass(frozen=True)
class Call:
    """One call as it came in, whatever was answered."""

    webhook_id: str
    alert_id: str
    version: int
    event: str
    host: str
    group: str | None
    taken: bool
    """Whether the receiver has it now, as far as it knows."""


@dataclass
class Listener:
    """One channel's address, and what came there."""

    name: str
    manner: Manner
    secret: str = ""
    channel_id: str = ""
    calls: list[Call] = field(default_factory=list)
    forged: int = 0
    """Calls whose signature was wrong."""


@dataclass
class Receiver:
    """Listens for all channels of a run."""

    rng: random.Random
    port: int = 0
    moody_port: int = 0
    """The way to the same receiver that is disturbed."""
    listeners: dict[str, Listener] = field(default_factory=dict)
    moods: dict[str, int] = field(default_factory=lambda: dict(MOODS))

    def url(self, listener: Listener) -> str:
        """Where its channel is to call."""
        port = self.port if listener.manner is Manner.STEADY else self.moody_port
        return f"http://127.0.0.1:{port}/{listener.name}"

    async def receive(self, request: web.Request) -> web.StreamResponse:
        listener = self.listeners[request.match_info["name"]]
        body = await request.read()
        try:
            Webhook(listener.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            listener.forged += 1
        mood = self._mood(listener)
        listener.calls.append(_call(request.headers["webhook-id"], json.loads(body), taken=mood not in NOT_TAKEN))
        return await _answer(request, mood)

    def _mood(self, listener: Listener) -> str:
        match listener.manner:
            case Manner.STEADY:
                return "yes"
            case Manner.GONE:
                return "yes" if len(listener.calls) < GONE_AFTER else "410"
            case _:
                (mood,) = self.rng.choices(list(self.moods), list(self.moods.values()))
                return mood


async def _answer(request: web.Request, mood: str) -> web.StreamResponse:
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
        case "500" | "503" | "410":
            return web.Response(status=int(mood), text="not now")
    return web.Response(status=204)


def _call(webhook_id: str, body: dict[str, Any], *, taken: bool) -> Call:
    alert = body["data"]["alert"]
    event = body["type"].removeprefix("alert.")
    about = alert["id"], alert["version"], event, alert["host_name"], alert["source_group_name"]
    return Call(webhook_id, *about, taken)


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

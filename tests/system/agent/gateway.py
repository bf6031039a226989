"""A server that speaks the agent's protocol, for good or for evil; it remembers every frame."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from shared.agent_protocol import WS_PATH, Frame

TOKEN = "kwa_a-token-of-this-test"


@dataclass
class Gateway:
    """Listens on loopback; acknowledges end states unless `acks` is false."""

    acks: bool = True
    accepts: bool = True
    answers_pings: bool = True
    frames: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    connections: int = 0
    port: int = 0
    _socket: web.WebSocketResponse | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> "Gateway":
        app = web.Application()
        app.router.add_get(WS_PATH, self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner:
            await self.hang_up()
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if not self.accepts or request.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.refused += 1
            await self._tell()
            raise web.HTTPUnauthorized
        socket = web.WebSocketResponse(autoping=self.answers_pings)
        await socket.prepare(request)
        self._socket, self.connections = socket, self.connections + 1
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._hear(json.loads(message.data))
        return socket

    async def _hear(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame | {"connection": self.connections})
        if frame["type"] == "job.finished" and self.acks:
            await self.send({"type": "ack", "id": frame["id"]})
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def send(self, frame: Frame | dict[str, Any] | str) -> None:
        """To the agent that is connected."""
        text = frame.model_dump_json() if isinstance(frame, Frame) else frame
        await self._socket.send_str(text if isinstance(text, str) else json.dumps(text))

    async def hang_up(self, code: int = 1001) -> None:
        if self._socket is not None:
            await self._socket.close(code=code)

    async def until(self, happened: Callable[[], Any], seconds: float = 30) -> Any:
        """Wait for a fact."""
        async with self._news, asyncio.timeout(seconds):
            await self._news.wait_for(happened)
        return happened()

    async def heard(self, kind: str, count: int = 1, **values: Any) -> dict[str, Any]:
        """The `count`-th frame of this type and these values, once it is there."""
        found = await self.until(lambda: (found := self.find(kind, **values)) and len(found) >= count and found)
        return found[count - 1]

    def find(self, kind: str, **values: Any) -> list[dict[str, Any]]:
        wanted = {"type": kind} | {key: str(value) if key.endswith("id") else value for key, value in values.items()}
        return [frame for frame in self.frames if wanted.items() <= frame.items()]

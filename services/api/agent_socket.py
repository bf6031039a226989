"""One agent's WebSocket on ASGI messages: accepted or refused at the upgrade, closed once."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from services.api.errors import MEDIA_TYPE, RETRY_SECONDS, Problem, body


class Gone(Exception):  # noqa: N818  no error: connections end
    """The connection has ended."""


class Socket:
    """Text frames to and from an agent."""

    def __init__(self, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        self._receive = receive
        self._send = send
        self._open = False

    async def accept(self) -> None:
        """Complete the upgrade."""
        await self._receive()
        await self._send({"type": "websocket.accept"})
        self._open = True

    async def receive(self) -> str:
        """The next text frame; Gone when there will be none."""
        message = await self._receive()
        if not self._open or message["type"] != "websocket.receive":
            self._open = False
            raise Gone
        return message.get("text") or ""

    async def send(self, text: str) -> None:
        """Send a text frame; Gone when nobody is there to receive it."""
        if not self._open:
            raise Gone
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError):
            # RuntimeError is uvicorn's word for a connection that we have just closed ourselves.
            self._open = False
            raise Gone from None

    async def close(self, code: int) -> None:
        """Close it if it is open."""
        if not self._open:
            return
        self._open = False
        try:
            await self._send({"type": "websocket.close", "code": code})
        except (OSError, RuntimeError):
            return


async def refuse(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]], problem: Problem
) -> None:
    """Answer the upgrade with a problem instead."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = {"Content-Type": MEDIA_TYPE, "Retry-After": RETRY_SECONDS, **problem.headers}
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": problem.refusal.status, "headers": pairs})
    await send({"type": "websocket.http.response.body", "body": json.dumps(body(problem.refusal)).encode()})

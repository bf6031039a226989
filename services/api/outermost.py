"""What wraps every answer: security headers and counting."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from services.api import metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    # Not no-referrer: then browsers would say "null" for the Origin of our own forms as well.
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
    b"content-security-policy": (
        b"default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
SMALL_BODY_BYTES = 64 * 1024
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def wrapped(app: AsgiApp) -> AsgiApp:
    """The same application with headers on every answer, which it counts."""

    async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started = time.perf_counter()

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _completed(message["headers"])
                _count(scope, message["status"], time.perf_counter() - started)
            await send(message)

        await app(scope, await _small_body_read(scope, receive), send_on)

    return outermost


async def _small_body_read(scope: Scope, receive: Receive) -> Receive:
    """The same messages, a small body already read: uvicorn forgets it when the client hangs up before it is read."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if not length.isdigit() or not 0 < int(length) <= SMALL_BODY_BYTES:
        return receive
    messages = deque([await receive()])
    while messages[-1].get("more_body"):
        messages.append(await receive())

    async def receive_again() -> Message:
        return messages.popleft() if messages else await receive()

    return receive_again


def _completed(headers: Any) -> list[tuple[bytes, bytes]]:
    given = [(name.lower(), value) for name, value in headers]
    names = {name for name, _ in given}
    return given + [(name, value) for name, value in HEADERS.items() if name not in names]


def _count(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    route = scope.get("path_template") or "unknown"
    metrics.REQUESTS.labels(method, route, str(status)).inc()
    metrics.SECONDS.labels(method, route).observe(seconds)

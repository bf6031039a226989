"""The route of live events."""

import time
from collections.abc import AsyncIterator
from typing import Any

import nats.errors
import structlog
from litestar import Request, get
from litestar.response import Stream

from services.api.auth import Doorkeeper, Identity
from services.api.errors import Problem
from services.api.feed import RESET, Feed, Listener, News, reset
from services.api.parsing import Given, Query
from services.api.positions import Position
from services.api.stream_reader import GapError, read
from shared.asks.fields import Text
from shared.refusal import Refusal
from shared.vocabulary import Role

log = structlog.get_logger()
SILENCE_SECONDS = 10.0
CHECK_SECONDS = 5.0
MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventQuery(Query):
    """Where to go on; the header `Last-Event-ID` says the same and goes first."""

    last_event_id: Text | None = None


@get("/events", role=Role.VIEWER, produces=MEDIA_TYPE)
async def stream_events(
    request: Request[Identity, Any, Any], feed: Given[Feed], doorkeeper: Given[Doorkeeper], asked: Given[EventQuery]
) -> Stream:
    """Stream what happens: `event:` is the subject, `data:` its body."""
    if feed.position is None or not feed.client.is_connected:
        raise Problem(Refusal.unavailable("The message broker does not answer. Try again in a moment."))
    last = request.headers.get("last-event-id") or asked.last_event_id
    after = await _held(feed, last) if last else None
    events = _events(feed, doorkeeper, request, after, lost=bool(last) and after is None)
    return Stream(events, media_type=MEDIA_TYPE, headers=HEADERS)


async def _held(feed: Feed, last: str) -> Position | None:
    position = Position.read(last)
    return position if position and position.held_by(await feed.info()) else None


async def _events(
    feed: Feed, doorkeeper: Doorkeeper, request: Request[Identity, Any, Any], after: Position | None, *, lost: bool
) -> AsyncIterator[bytes]:
    try:
        async with feed.listening() as listener:
            if after and after.stream != listener.after.stream:
                after, lost = None, True
            sent = after or listener.after
            # An id alone: whoever is cut off before the first event can resume as well.
            yield f"retry: 2000\nid: {sent}\n: listening\n\n".encode()
            if lost:
                yield written(reset(sent))
            async for entry in read(feed.client, sent.seq, listener.after.seq):
                sent = Position(sent.stream, entry.seq)
                if not entry.about_the_canary:
                    yield written(News(entry.subject, entry.data, sent))
            async for chunk in _live(listener, doorkeeper, request, sent):
                yield chunk
    except (GapError, nats.errors.Error, TimeoutError):
        return  # the client comes again with the last id it got


async def _live(
    listener: Listener, doorkeeper: Doorkeeper, request: Request[Identity, Any, Any], sent: Position
) -> AsyncIterator[bytes]:
    checked = spoken = time.monotonic()
    while not listener.ended:
        news, sent = _new_since(sent, await listener.take(CHECK_SECONDS))
        if time.monotonic() - checked >= CHECK_SECONDS:
            checked = time.monotonic()
            if not await doorkeeper.still_valid(request):
                log.info("live stream ends, its token is valid no more")
                return
        if news:
            yield b"".join(map(written, news))
        elif time.monotonic() - spoken >= SILENCE_SECONDS:
            yield b": still here\n\n"
        else:
            continue
        spoken = time.monotonic()


def _new_since(sent: Position, taken: list[News]) -> tuple[list[News], Position]:
    """Without what the client had from another gateway that was ahead of this one."""
    new = []
    for news in taken:
        if news.subject == RESET and news.position:
            sent = news.position
        elif news.position and news.position.seq <= sent.seq:
            continue
        new.append(news)
    return new, sent


def written(news: News) -> bytes:
    """An event as the stream shows it."""
    place = f"id: {news.position}\n".encode() if news.position else b""
    data = b"".join(b"data: " + line + b"\n" for line in news.data.splitlines() or [b""])
    return b"event: " + news.subject.encode() + b"\n" + place + data + b"\n"


ROUTES = [stream_events]

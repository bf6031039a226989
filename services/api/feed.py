"""One reader of the stream per process, and its listeners: what happened, live.

The stream is read while somebody listens: in a storm at night nobody does, and reading would cost a sixth of it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import StreamInfo

from services.api import metrics
from services.api.positions import Position, name_of
from services.api.stream_reader import Entry, GapError, read
from shared.bus import jetstream
from shared.events import HostUpdated, JobUpdated
from shared.loops import end_task, repeat
from shared.streams import STREAM

log = structlog.get_logger()
HINTS = (JobUpdated.subject, HostUpdated.subject)
MOST_WAITING = 1000
PAUSE_SECONDS = 0.2
RESET = "reset"


@dataclass(frozen=True)
class News:
    """One event for listeners; hints have no position."""

    subject: str
    data: bytes
    position: Position | None = None


@dataclass(eq=False)
class Listener:
    """What one client has yet to be sent."""

    after: Position
    """Where the feed was when it began to listen."""
    ended: bool = False
    """Nothing more will come: it was too slow, or the gateway stops."""
    _waiting: deque[News] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, news: News) -> None:
        """Hand it over; who falls too far behind is ended, and resumes by asking again."""
        if len(self._waiting) >= MOST_WAITING // 2 and news.position is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.end()
            return
        self._waiting.append(news)
        self._wake.set()

    def end(self) -> None:
        """Let it go."""
        self.ended = True
        self._wake.set()

    async def take(self, seconds: float) -> list[News]:
        """All that came; nothing after so many seconds of silence."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class Feed:
    """Follows the stream and tells every listener."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.position: Position | None = None
        self._listeners: set[Listener] = set()
        self._wanted = asyncio.Event()

    async def subscribe_hints(self) -> None:
        """Pass on hints from now on."""
        for subject in HINTS:
            await self.client.subscribe(subject, cb=self._on_hint)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the stream until `stop`; then no listener is kept."""
        following = asyncio.create_task(repeat("live feed", self._follow, stop=stop, seconds=PAUSE_SECONDS))
        await stop.wait()
        for listener in self._listeners:
            listener.end()
        await end_task(following)

    async def _follow(self) -> bool:
        """Read the stream until that breaks off or nobody listens; called again it goes on where it was."""
        try:
            info = await self.info()
            if self.position is None or not self.position.held_by(info):
                self._begin(info)
            await self._wanted.wait()
            async with aclosing(read(self.client, self._known.seq)) as entries:
                async for entry in entries:
                    if not self._listeners:
                        self._wanted.clear()
                        break
                    self._tell(entry)
        except (GapError, nats.errors.Error, TimeoutError) as error:
            log.info("live feed begins again", reason=type(error).__name__)
        return False

    async def check(self) -> None:
        """Passes once the stream has been reached."""
        _ = self._known

    async def info(self) -> StreamInfo:
        """What the broker says of the stream now."""
        return await jetstream(self.client).stream_info(STREAM)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        """A listener that gets all that comes after the stream's present end; errors of NATS when that is unknown."""
        if not self._listeners:
            info = await self.info()
            if not self._listeners:  # still nobody, so that nobody misses what lies in between
                self.position = Position(name_of(info), info.state.last_seq)
        listener = Listener(self._known)
        self._listeners.add(listener)
        self._wanted.set()
        metrics.LISTENERS.inc()
        try:
            yield listener
        finally:
            metrics.LISTENERS.dec()
            self._listeners.discard(listener)

    @property
    def _known(self) -> Position:
        if self.position is None:
            raise ConnectionError("the stream has not been reached yet")
        return self.position

    def _begin(self, info: StreamInfo) -> None:
        lost = self.position is not None
        self.position = Position(name_of(info), info.state.last_seq)
        if lost:
            log.warning("the stream lost what was in it")
            self._tell_all(reset(self.position))

    def _tell(self, entry: Entry) -> None:
        if entry.seq <= self._known.seq:
            return  # from before the first one listened
        self.position = Position(self._known.stream, entry.seq)
        if not entry.about_the_canary:
            self._tell_all(News(entry.subject, entry.data, self.position))

    async def _on_hint(self, message: Msg) -> None:
        self._tell_all(News(message.subject, message.data))

    def _tell_all(self, news: News) -> None:
        for listener in self._listeners:
            listener.put(news)


def reset(position: Position) -> News:
    """Tells a client to ask anew for all that it shows."""
    return News(RESET, b"{}", position)

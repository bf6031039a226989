"""Replicas that work at once, one statement at a time in an order that the test decides, and that die where it says.

So a race is not a matter of luck: the same order of steps gives the same interleaving, and can be shrunk.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import cycle

import asyncpg

BLOCKED = """
    SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1::int[]) AND wait_event_type = 'Lock'
"""
PATIENCE_SECONDS = 0.003
"""How long a statement may take before we ask whether it waits for a lock."""


@dataclass(frozen=True)
class Death:
    """A process ends right before, or right after, one of its statements; BEGIN and COMMIT are statements."""

    statement: int
    after: bool


class Killed(BaseException):
    """Nothing of the process runs any more. No Exception, so that no code of ours survives it."""


class Doing(Enum):
    """What an actor is at."""

    THINKING = auto()
    WAITING_FOR_ITS_TURN = auto()
    IN_A_STATEMENT = auto()
    NOTHING = auto()


@dataclass
class Actor:
    """One replica with something to do."""

    work: Callable[["Actor"], Awaitable[object]]
    death: Death | None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is dead, so that its loops end."""
    doing: Doing = Doing.THINKING
    dead: bool = False
    committed: bool = False
    answer: object = None
    pid: int = 0
    _statements: int = 0
    _turn: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, changed: asyncio.Event) -> None:
        self._changed = changed
        ACTOR.set(self)
        try:
            self.answer = await self.work(self)
        except BaseException:
            if not self.dead:
                raise
        finally:
            self._becomes(Doing.NOTHING)

    async def step(
        self, connection: asyncpg.Connection, statement: Callable[..., Awaitable], query: str, *arguments, **options
    ):
        """One statement, when it is our turn."""
        if self.dead:
            raise Killed
        self._becomes(Doing.WAITING_FOR_ITS_TURN)
        await self._turn.wait()
        self._turn.clear()
        self._die_if(connection, after=False)
        if not connection.is_closed():
            self.pid = connection.get_server_pid()
        self._becomes(Doing.IN_A_STATEMENT)
        try:
            result = await statement(query, *arguments, **options)
        finally:
            self._becomes(Doing.THINKING)
        self.committed |= query.startswith("COMMIT")
        self._die_if(connection, after=True)
        self._statements += 1
        return result

    def go(self) -> None:
        self.doing = Doing.THINKING
        self._turn.set()

    def _becomes(self, doing: Doing) -> None:
        self.doing = doing
        self._changed.set()

    def _die_if(self, connection: asyncpg.Connection, *, after: bool) -> None:
        if self.death == Death(self._statements, after):
            self.dead = True
            self.stop.set()
            connection.terminate()
            raise Killed


ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)


class SteppedConnection(asyncpg.Connection):
    """A connection whose statements wait for their actor's turn."""

    async def execute(self, query, *args, **options):
        return await self._step(super().execute, query, *args, **options)

    async def fetch(self, query, *args, **options):
        return await self._step(super().fetch, query, *args, **options)

    async def fetchrow(self, query, *args, **options):
        return await self._step(super().fetchrow, query, *args, **options)

    async def fetchval(self, query, *args, **options):
        return await self._step(super().fetchval, query, *args, **options)

    async def _step(self, statement, query, *args, **options):
        actor = ACTOR.get()
        if actor is None:
            return await statement(query, *args, **options)
        return await actor.step(self, statement, query, *args, **options)


async def play(actors: Sequence[Actor], order: Sequence[int], watch: asyncpg.Connection) -> None:
    """Let them work, each turn given to the one that `order` says, over and over; without one, to the first."""
    changed = asyncio.Event()
    tasks = [asyncio.create_task(actor.run(changed)) for actor in actors]
    turns = cycle(order or [0])
    async with asyncio.timeout(60):
        while waiting := await _settled(actors, changed, watch):
            waiting[next(turns) % len(waiting)].go()
        await asyncio.gather(*tasks)


async def _settled(actors: Sequence[Actor], changed: asyncio.Event, watch: asyncpg.Connection) -> list[Actor]:
    """Those that wait for their turn, once every other is done or waits for a lock; none when all are done."""
    while True:
        changed.clear()
        busy = [actor for actor in actors if actor.doing in {Doing.THINKING, Doing.IN_A_STATEMENT}]
        waiting = [actor for actor in actors if actor.doing is Doing.WAITING_FOR_ITS_TURN]
        if not busy:
            return waiting
        try:
            await asyncio.wait_for(changed.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            if waiting and await _blocked(busy, watch):
                return waiting


async def _blocked(busy: Sequence[Actor], watch: asyncpg.Connection) -> bool:
    if any(actor.doing is Doing.THINKING for actor in busy):
        return False
    return await watch.fetchval(BLOCKED, [actor.pid for actor in busy]) == len(busy)

"""Starts the processes of the system in order, keeps them running, and stops them in reverse order."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from cli.up.child import Child


class Supervisor:
    """Owner of all children: leaving its `async with` leaves none of them."""

    def __init__(self) -> None:
        self._ranks: list[Sequence[Child]] = []
        self._keepers: dict[Child, asyncio.Task[None]] = {}

    @property
    def children(self) -> list[Child]:
        """All children, in the order they were started."""
        return [child for rank in self._ranks for child in rank]

    async def start(self, *rank: Child, ready: Callable[[Child], None]) -> None:
        """Start these side by side and return when each is ready; StartError if one can't be."""
        self._ranks.append(rank)
        for child in rank:
            self._keepers[child] = asyncio.create_task(child.keep_running())
        await asyncio.gather(*(self._until_ready(child, ready) for child in rank))

    async def _until_ready(self, child: Child, ready: Callable[[Child], None]) -> None:
        keeper, waiting = self._keepers[child], asyncio.create_task(child.until_ready())
        try:
            await asyncio.wait({keeper, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if keeper.done():
                keeper.result()
            ready(child)
        finally:
            waiting.cancel()

    async def stop(self) -> None:
        """Stop every child, the last started first."""
        for keeper in self._keepers.values():
            keeper.cancel()
        for keeper in self._keepers.values():
            with suppress(asyncio.CancelledError, Exception):
                await keeper
        for rank in reversed(self._ranks):
            await asyncio.gather(*(child.stop() for child in rank))

    async def __aenter__(self) -> Self:
        """Nothing runs yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        await self.stop()

"""Claimed deliveries that wait for their turn at a receiver; the ledger is asked again before one that had to wait."""

import asyncio
import time
from dataclasses import dataclass, field

import structlog

from services.notifier.model import Claimed
from services.notifier.queries import deliveries as queries
from shared.db import Pool

log = structlog.get_logger()
FRESH_SECONDS = 0.1
"""So old may be the question whose answer a delivery is sent on, when its turn comes."""
LOOK_SECONDS = 2.0
"""A ledger that takes longer to answer is as good as away."""


@dataclass(eq=False)
class Turn:
    """A claimed delivery that waits; of no use after `deadline` (monotonic seconds)."""

    claimed: Claimed
    deadline: float
    looked_at: float
    ours: bool = True


@dataclass
class Turns:
    """All of a process's that wait: one question to the ledger answers for every one of them."""

    pool: Pool
    _waiting: set[Turn] = field(default_factory=set)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def wait(self, claimed: Claimed, deadline: float, claimed_at: float) -> Turn:
        """Let it wait from now on; the claim that began at `claimed_at` (monotonic seconds) was a first look."""
        turn = Turn(claimed, deadline, claimed_at)
        self._waiting.add(turn)
        return turn

    async def come(self, turn: Turn) -> bool:
        """End its wait; whether it may be sent now. When in doubt, no."""
        since = time.monotonic() - FRESH_SECONDS
        try:
            if turn.looked_at < since:
                async with self._looking:
                    if turn.looked_at < since and time.monotonic() <= turn.deadline:
                        await self._look()
        finally:
            self._waiting.discard(turn)
        # When this process stood still since the claim, the delivery may be somebody else's by now.
        return turn.ours and turn.looked_at >= since and time.monotonic() <= turn.deadline

    async def _look(self) -> None:
        waiting, at = list(self._waiting), time.monotonic()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                ours = await queries.still_ours(self.pool, [turn.claimed for turn in waiting])
        except Exception as error:  # noqa: BLE001  who asked is not sent, the others ask again
            log.warning("cannot look whether deliveries are still to be made", error=type(error).__name__)
            return
        for turn in waiting:
            turn.looked_at, turn.ours = at, (turn.claimed.id, turn.claimed.token) in ours

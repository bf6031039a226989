"""What a worker has learned of a channel's receiver: how many calls it gets at a time, and whether it wants any."""

import time
from collections import deque
from dataclasses import dataclass, field

from services.notifier.model import Claimed, Outcome, Refused, Stored, Unreachable
from services.notifier.sealed import opened
from services.notifier.turns import Turn
from shared.sealing import Sealer

PER_CHANNEL = 64
"""Calls of one receiver at a time."""
PER_QUICK_CHANNEL = 512
"""Deliveries claimed at a time for a receiver that answers quickly: claims and records are few and large."""
QUICK_SECONDS = 0.1
PER_UNREACHABLE_CHANNEL = 2
"""A receiver that keeps us waiting gets few places until it answers, so that many such leave room for the rest."""


@dataclass(eq=False)
class Receiver:
    """Whom a channel reaches, as this process knows it."""

    busy: int = 0
    """Deliveries claimed whose tries are not recorded yet."""
    waiting: deque[Turn] = field(default_factory=deque)
    """Those of them that wait for a call."""
    calling: int = 0
    """Calls at a time, of which each takes one after the other of them."""
    behind: bool = False
    """Whether new deliveries to it were left to wait for a claim, and none has got all of them yet."""
    _used_at: float = field(default_factory=time.monotonic)
    _stored: Stored | None = None
    _sealed: bytes = b""
    _places: int = PER_CHANNEL
    _gone: int = -1
    """The generation of the channel in which it said that it never wants to be called again."""

    @property
    def room(self) -> int:
        """How many more may be claimed; none until half of its places are free, for a claim costs the same for many."""
        return 0 if self.busy > self._places // 2 else self._places - self.busy

    @property
    def ordinary(self) -> bool:
        """Whether it is to be treated as one of which nothing is known."""
        return not self.busy and self._places == PER_CHANNEL

    @property
    def quick(self) -> bool:
        """Whether it answers quickly, as far as is known."""
        return self._places == PER_QUICK_CHANNEL

    def idle_since(self, at: float) -> bool:
        """Whether it has not been called since then (monotonic seconds)."""
        return not self.busy and self._used_at < at

    def opened(self, claimed: Claimed, sealer: Sealer) -> Stored:
        """How it is reached; opened once for as long as it stays the same. SealBrokenError under another key."""
        target = claimed.target
        if self._stored is None or self._sealed != target.secrets or self._stored.config != target.config:
            self._stored = Stored(target.config, opened(sealer, target.channel_id, target.secrets))
            self._sealed = target.secrets
        return self._stored

    def wants(self, claimed: Claimed) -> bool:
        """Whether it has not refused all calls for good, since the channel was as it was when this was claimed."""
        return claimed.target.generation > self._gone

    def learn(self, claimed: Claimed, outcome: Outcome, seconds: float) -> None:
        """How a try ended, and how long it took."""
        self._used_at = time.monotonic()
        if isinstance(outcome, Unreachable):
            self._places = PER_UNREACHABLE_CHANNEL
        else:
            self._places = PER_QUICK_CHANNEL if seconds < QUICK_SECONDS else PER_CHANNEL
        if isinstance(outcome, Refused) and outcome.gone:
            self._gone = claimed.target.generation

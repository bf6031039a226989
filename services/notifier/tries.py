"""Tries to deliver: one call of a receiver each, and where its end leaves the delivery."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import prometheus_client
import structlog

from services.notifier import rules
from services.notifier.canary import SINK
from services.notifier.channels import Kind
from services.notifier.model import BuiltIn, Claimed, Message, Outcome, Tried, Unreachable
from services.notifier.queries import deliveries as queries
from services.notifier.receivers import Receiver
from shared.clock import Clock, utc_now
from shared.crash_points import crash_point
from shared.db import Pool
from shared.sealing import SealBrokenError, Sealer
from shared.vocabulary import ChannelKind

log = structlog.get_logger()
SECONDS = prometheus_client.Histogram("keepwatch_delivery_seconds", "How long a try took", ["kind"])


def message_of(claimed: Claimed, public_url: str | None) -> Message:
    """What a delivery's event says; the alert gets the address of its page."""
    event = claimed.event
    alert = event["alert"]
    page = f"{public_url.rstrip('/')}/alerts/{alert['id']}" if public_url else None
    return Message(
        id=claimed.id,
        type=f"alert.{claimed.type}",
        at=event["at"],
        alert={**alert, "url": page},
        actor=event["actor"],
        note=event["note"],
        once=claimed.target.at_most_once,
    )


@dataclass
class Tries:
    """Sends claimed deliveries by whatever kind of channel they go to."""

    pool: Pool
    kinds: Mapping[ChannelKind, Kind]
    sealer: Sealer
    schedule: Sequence[float]
    public_url: str | None
    clock: Clock = utc_now

    async def make(self, claimed: Claimed, receiver: Receiver, deadline: float) -> Tried | None:
        """Send it; None when it must not be sent any more. After `deadline` (monotonic seconds) it is a try unsent."""
        if not receiver.wants(claimed) or (claimed.target.at_most_once and not await self._begin(claimed)):
            return None
        at, started = self.clock(), time.monotonic()
        crash_point("send.before")
        outcome = await self._call(claimed, receiver, deadline)
        crash_point("send.after")
        took = time.monotonic() - started
        luck = random.random()  # noqa: S311  jitter
        after = rules.after_try(
            outcome, claimed.tries + 1, self.schedule, luck, at_most_once=claimed.target.at_most_once
        )
        SECONDS.labels(claimed.target.kind.value).observe(took)
        receiver.learn(claimed, outcome, took)
        return Tried(claimed, outcome, at, round(took * 1000), after)

    async def _begin(self, claimed: Claimed) -> bool:
        """Commit that it is about to be sent: after a crash in between nobody can say whether it was."""
        try:
            return await queries.begin(self.pool, claimed)
        except Exception as error:  # noqa: BLE001  what may not be noted as begun must not be sent
            log.warning("cannot begin", delivery_id=str(claimed.id), error=type(error).__name__)
            return False

    async def _call(self, claimed: Claimed, receiver: Receiver, deadline: float) -> Outcome:
        if time.monotonic() > deadline:
            return Unreachable("not sent in time", unsent=True)
        try:
            stored = receiver.opened(claimed, self.sealer)
            sender = SINK if claimed.target.kind is BuiltIn.SINK else self.kinds[claimed.target.kind]
            return await sender.send(message_of(claimed, self.public_url), stored)
        except SealBrokenError:
            return Unreachable("the channel's secrets were sealed with another KEEPWATCH_SECRET_KEY", unsent=True)
        except Exception as error:  # noqa: BLE001  a delivery that breaks the sender is retried, and ends dead
            # Neither message nor traceback: the libraries' own may hold the URL.
            log.warning("cannot send", delivery_id=str(claimed.id), error=type(error).__name__)
            return Unreachable(f"internal error ({type(error).__name__})")

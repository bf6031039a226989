"""Tells somebody outside that all is well, for as long as it is: who hears nothing for a while knows that it is not."""

from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import structlog

from services.notifier.audit import SECONDS as AUDIT_SECONDS
from services.notifier.audit import Audit
from services.notifier.canary import Watch
from shared.clock import Clock, utc_now

log = structlog.get_logger()
SECONDS = 60.0
AUDIT_LASTS = timedelta(seconds=3 * AUDIT_SECONDS)
ANSWERED_BADLY = 400


@dataclass(frozen=True)
class Ping:
    """Calls an address of the operator's; the address is a secret, and is in no log."""

    session: aiohttp.ClientSession
    url: str
    canary: Watch
    audit: Audit
    clock: Clock = utc_now

    async def call(self) -> bool:
        """Call once if the canary arrived lately and nothing is missing, as of looks that are not old."""
        if reason := self._not_well():
            log.warning("no ping", reason=reason)
            return False
        try:
            async with self.session.get(self.url, allow_redirects=False) as answer:
                if answer.status >= ANSWERED_BADLY:
                    log.warning("ping refused", status=answer.status)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Not its text: that may hold the address.
            log.warning("ping not sent", error=type(error).__name__)
        return False

    def _not_well(self) -> str | None:
        if not self.canary.arrived_lately:
            return "no canary arrived lately"
        if self.audit.clean_at is None:
            return "transitions are not accounted for, or nobody has looked yet"
        if self.clock() - self.audit.clean_at > AUDIT_LASTS:
            return "nobody has looked lately whether transitions are accounted for"
        return None

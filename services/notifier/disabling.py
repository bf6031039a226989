"""Disables channels that are not reached any more, and visibly: with a reason, what waited given up, alerts told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from services.notifier.model import Delivered, Refused, Tried
from services.notifier.queries import channels as queries
from services.notifier.queries import own_trouble
from shared.db import Connection
from shared.vocabulary import AlertKind

log = structlog.get_logger()


async def learn_from(tx: Connection, tried: Sequence[Tried], disable_after: timedelta) -> None:
    """Note which channels are reached, and disable those that are gone or have failed for so long.

    Whose lease it was does not matter: what a receiver answered is so in any case.
    """
    await queries.note_health(tx, _failing_since(tried))
    for one in tried:
        if isinstance(one.outcome, Refused) and one.outcome.gone:
            await _gone(tx, one, one.outcome.reason)
    for one in _last_of_failing(tried):
        if not isinstance(one.outcome, Delivered):
            await _failed_for_long(tx, one, one.outcome.reason, one.at - disable_after)


def _failing_since(tried: Sequence[Tried]) -> dict[UUID, datetime | None]:
    """By channel the first failure, or null where something arrived."""
    since: dict[UUID, datetime | None] = {}
    for one in sorted(tried, key=lambda one: one.at):
        if isinstance(one.outcome, Delivered):
            since[one.claimed.target.channel_id] = None
        else:
            since.setdefault(one.claimed.target.channel_id, one.at)
    return since


def _last_of_failing(tried: Sequence[Tried]) -> list[Tried]:
    """The last try of each channel at which nothing arrived."""
    reached = {one.claimed.target.channel_id for one in tried if isinstance(one.outcome, Delivered)}
    last = {one.claimed.target.channel_id: one for one in sorted(tried, key=lambda one: one.at)}
    return [one for channel, one in last.items() if channel not in reached]


async def _gone(tx: Connection, one: Tried, reason: str) -> None:
    name = await queries.disable_unchanged(tx, one.claimed.target.channel_id, one.claimed.target.generation, reason)
    if name is not None:
        await _tell(tx, one.claimed.target.channel_id, name, reason)


async def _failed_for_long(tx: Connection, one: Tried, reason: str, before: datetime) -> None:
    disabled = await queries.disable_failing(
        tx, one.claimed.target.channel_id, one.claimed.target.generation, before, reason
    )
    if disabled is not None:
        await _tell(tx, one.claimed.target.channel_id, *disabled)


async def _tell(tx: Connection, channel_id: UUID, name: str, reason: str) -> None:
    given_up = await queries.give_up_waiting(tx, channel_id, f"channel disabled: {reason}")
    await own_trouble.note_wrong(tx, AlertKind.CHANNEL_DISABLED, str(channel_id), name, reason)
    log.warning("channel disabled", channel_id=str(channel_id), reason=reason, deliveries=given_up)

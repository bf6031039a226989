"""Messages that could not be handled: kept, told to alerts, and handled after all when somebody asks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from services.notifier import handlers
from services.notifier.model import Decided
from services.notifier.queries import dead_letters as queries
from services.notifier.queries import own_trouble
from shared.asks.ask import Ask
from shared.asks.dead_letters import (
    DeadLetter,
    DeadLetterWithPayload,
    GetNotifierDeadLetter,
    ListNotifierDeadLetters,
    Replayed,
    ReplayNotifierDeadLetter,
)
from shared.bus import Handler
from shared.db import Connection, Pool, in_transaction, is_transient
from shared.poison import why
from shared.refusal import Refusal

log = structlog.get_logger()
ERROR_CHARACTERS = 1000


async def set_aside(pool: Pool, subject: str, stream_seq: int, payload: bytes, error: Exception) -> None:
    """Keep a message that nobody could handle, and have alerts told of it."""
    reason = why(error, ERROR_CHARACTERS)

    async def work(tx: Connection) -> None:
        await queries.hold(tx)
        if await queries.set_aside(tx, subject, stream_seq, payload, reason):
            await own_trouble.note_wrong(tx, *own_trouble.DEAD_LETTERS, f"{subject}: {reason}")

    await in_transaction(pool, work)
    log.error("dead letter", subject=subject, stream_seq=stream_seq, error=type(error).__name__)


@dataclass(frozen=True)
class DeadLetterAnswers:
    """What may be asked about dead letters; `announce` wakes the deliveries that a replay made."""

    pool: Pool
    first_after: timedelta
    announce: Callable[[], Awaitable[None]]

    def all(self) -> dict[type[Ask[Any]], Handler]:
        """Which question goes where."""
        return {
            ListNotifierDeadLetters: self.list_letters,
            GetNotifierDeadLetter: self.get_letter,
            ReplayNotifierDeadLetter: self.replay_letter,
        }

    async def list_letters(self, question: ListNotifierDeadLetters) -> list[DeadLetter]:
        """Dead letters, newest first."""
        return await queries.newest_first(self.pool, question.before, question.most)

    async def get_letter(self, question: GetNotifierDeadLetter) -> DeadLetterWithPayload | Refusal:
        """One dead letter."""
        return await queries.one(self.pool, question.id) or Refusal.not_found("dead letter")

    async def replay_letter(self, question: ReplayNotifierDeadLetter) -> Replayed | Refusal:
        """Whether it could be handled now; then it is gone, in the transaction that had its effect."""
        answer, decided = await in_transaction(self.pool, lambda tx: _replay(tx, question.id, self.first_after))
        if handlers.tell(decided):
            await self.announce()
        return answer


async def _replay(tx: Connection, identity: UUID, first_after: timedelta) -> tuple[Replayed | Refusal, list[Decided]]:
    await queries.hold(tx)
    letter = await queries.take(tx, identity)
    if letter is None:
        return Refusal.not_found("dead letter"), []
    subject, payload = letter
    try:
        async with tx.transaction():  # what fails must leave nothing behind but its error
            arrived = handlers.decode(subject.removeprefix("alert."), payload)
            decided, _ = await handlers.take_in(tx, [arrived], first_after)
    except Exception as error:
        if is_transient(error):
            raise
        return await _failed_again(tx, identity, error), []
    if await queries.remove(tx, identity):
        await own_trouble.note_over(tx, *own_trouble.DEAD_LETTERS)
    log.info("dead letter replayed", dead_letter_id=str(identity), subject=subject)
    return Replayed(id=identity, replayed=True), decided


async def _failed_again(tx: Connection, identity: UUID, error: Exception) -> Replayed:
    reason = why(error, ERROR_CHARACTERS)
    await queries.note_error(tx, identity, reason)
    log.warning("dead letter fails again", dead_letter_id=str(identity), error=type(error).__name__)
    return Replayed(id=identity, replayed=False, error=reason)

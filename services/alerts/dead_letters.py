"""Messages that could not be handled: kept with an alert that says so, and handled after all when somebody asks."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from services.alerts import handlers, rules
from services.alerts.model import Effect, Letter
from services.alerts.queries import dead_letters as queries
from shared.asks.ask import Ask
from shared.asks.dead_letters import (
    DeadLetter,
    DeadLetterWithPayload,
    GetAlertsDeadLetter,
    ListAlertsDeadLetters,
    ReplayAlertsDeadLetter,
    Replayed,
)
from shared.db import Connection, Pool, in_transaction, is_transient
from shared.poison import why
from shared.refusal import Refusal
from shared.vocabulary import AlertKind

log = structlog.get_logger()
SERVICE = "alerts"
ERROR_CHARACTERS = 4000


async def set_aside(pool: Pool, letter: Letter) -> int:
    """Keep a message, and raise the alert about it or count on it; how many transitions that made."""

    async def work(tx: Connection) -> Effect:
        await queries.hold(tx)
        at = await queries.set_aside(tx, letter)
        if at is None:
            return Effect()
        message = f"{letter.subject}: {letter.error}"
        return await handlers.weigh_own(tx, rules.own_trouble(AlertKind.DEAD_LETTER, SERVICE, SERVICE, message, at))

    return handlers.count(await in_transaction(pool, work))


@dataclass(frozen=True)
class DeadLetterAnswers:
    """What may be asked about dead letters; `announce` wakes the outbox when a replay changed alerts."""

    pool: Pool
    announce: Callable[[], Awaitable[None]]

    def all(self) -> Mapping[type[Ask[Any]], Callable[[Any], Awaitable[Any]]]:
        """Each question and who answers it."""
        return {
            ListAlertsDeadLetters: self.list_letters,
            GetAlertsDeadLetter: self.get_letter,
            ReplayAlertsDeadLetter: self.replay_letter,
        }

    async def list_letters(self, question: ListAlertsDeadLetters) -> list[DeadLetter]:
        """Dead letters, newest first."""
        return await queries.newest_first(self.pool, question.before, question.most)

    async def get_letter(self, question: GetAlertsDeadLetter) -> DeadLetterWithPayload | Refusal:
        """One dead letter."""
        return await queries.one(self.pool, question.id) or Refusal.not_found("dead letter")

    async def replay_letter(self, question: ReplayAlertsDeadLetter) -> Replayed | Refusal:
        """Whether it could be handled now; then it is gone, in the transaction that had its effect."""
        answer, effect = await in_transaction(self.pool, lambda tx: _replay(tx, question.id))
        handlers.count(effect)
        if effect.transitions:
            await self.announce()
        return answer


async def _replay(tx: Connection, identity: UUID) -> tuple[Replayed | Refusal, Effect]:
    await queries.hold(tx)
    letter = await queries.take(tx, identity)
    if letter is None:
        return Refusal.not_found("dead letter"), Effect()
    try:
        async with tx.transaction():  # what fails must leave nothing behind but its error
            effect = await handlers.apply_within(tx, [handlers.decode(letter.subject, letter.payload)])
    except Exception as error:
        if is_transient(error):
            raise
        return await _failed_again(tx, identity, error), Effect()
    if none_left_at := await queries.remove(tx, identity):
        effect += await handlers.weigh_own(tx, rules.own_recovery(AlertKind.DEAD_LETTER, SERVICE, none_left_at))
    log.info("dead letter replayed", dead_letter_id=str(identity), subject=letter.subject)
    return Replayed(id=identity, replayed=True), effect


async def _failed_again(tx: Connection, identity: UUID, error: Exception) -> Replayed:
    reason = why(error, ERROR_CHARACTERS)
    await queries.note_error(tx, identity, reason)
    log.warning("dead letter fails again", dead_letter_id=str(identity), error=type(error).__name__)
    return Replayed(id=identity, replayed=False, error=reason)

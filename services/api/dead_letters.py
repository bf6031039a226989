"""Routes of dead letters: messages that a service could not handle. Each service is asked for its own."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import get, post

from services.api.errors import Problem
from services.api.owners import Owners
from services.api.parsing import Given, Id, PageQuery
from shared import cursor
from shared.asks.ask import Ask, Page
from shared.asks.dead_letters import (
    Consuming,
    DeadLetter,
    DeadLetterWithPayload,
    GetAlertsDeadLetter,
    GetNotifierDeadLetter,
    ListAlertsDeadLetters,
    ListNotifierDeadLetters,
    ReplayAlertsDeadLetter,
    Replayed,
    ReplayNotifierDeadLetter,
)
from shared.refusal import Refusal
from shared.vocabulary import Role

NOT_FOUND = 404


@dataclass(frozen=True)
class Questions:
    """What a service is asked about its dead letters."""

    list: type[ListAlertsDeadLetters | ListNotifierDeadLetters]
    get: type[GetAlertsDeadLetter | GetNotifierDeadLetter]
    replay: type[ReplayAlertsDeadLetter | ReplayNotifierDeadLetter]


QUESTIONS: dict[Consuming, Questions] = {
    "alerts": Questions(ListAlertsDeadLetters, GetAlertsDeadLetter, ReplayAlertsDeadLetter),
    "notifier": Questions(ListNotifierDeadLetters, GetNotifierDeadLetter, ReplayNotifierDeadLetter),
}


class DeadLetterQuery(PageQuery):
    """Whose dead letters; without it everybody's, and then everybody has to answer."""

    service: list[Consuming] = []


@get("/dead-letters", role=Role.VIEWER)
async def list_dead_letters(owners: Given[Owners], asked: Given[DeadLetterQuery]) -> Page[DeadLetter]:
    """List messages that could not be handled, newest first."""
    key = cursor.decode_time_and_id(asked.cursor)
    if isinstance(key, Refusal):
        raise Problem(key)
    before = (key[0], key[1]) if key[0] and key[1] else None
    # One more than asked for, from each: whose come first is only known when all are there.
    questions = [QUESTIONS[service].list(before=before, most=asked.limit + 1) for service in asked.service or QUESTIONS]
    found = await asyncio.gather(*(owners.ask(question) for question in questions))
    letters = sorted((letter for each in found for letter in each), key=_place, reverse=True)
    return cursor.page(letters, asked.limit, lambda letter: (letter.created_at.isoformat(), letter.id))


def _place(letter: DeadLetter) -> Any:
    return letter.created_at, letter.id


@get("/dead-letters/{dead_letter_id:uuid}", role=Role.VIEWER)
async def get_dead_letter(owners: Given[Owners], dead_letter_id: Id) -> DeadLetterWithPayload:
    """Show a message that could not be handled, with why and its first 64 kB."""
    _, letter = await _find(owners, dead_letter_id)
    return letter


@post("/dead-letters/{dead_letter_id:uuid}/replay", role=Role.OPERATOR, status_code=200)
async def replay_dead_letter(owners: Given[Owners], dead_letter_id: Id) -> Replayed:
    """Handle a message again, now; `replayed` says whether that went well, and if not it stays with its `error`."""
    service, _ = await _find(owners, dead_letter_id)
    return await owners.ask_to_the_end(QUESTIONS[service].replay(id=dead_letter_id))


async def _find(owners: Owners, identity: UUID) -> tuple[Consuming, DeadLetterWithPayload]:
    """Whose it is, and itself; 404 only when everybody said that it is not theirs."""
    asked: list[Ask[Any]] = [questions.get(id=identity) for questions in QUESTIONS.values()]
    answers = await asyncio.gather(*(owners.answer_or_refusal(question) for question in asked))
    refusals = []
    for service, answer in zip(QUESTIONS, answers, strict=True):
        if not isinstance(answer, Refusal):
            return service, answer
        refusals.append(answer)
    raise Problem(next((each for each in refusals if each.status != NOT_FOUND), refusals[0]))


ROUTES = [list_dead_letters, get_dead_letter, replay_dead_letter]

"""Reports on their way to `jobs`: one question for all that arrived while the last one was under way."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.api.errors import Problem
from services.api.owners import Owners
from shared.asks.jobs import Accepted, ReportJobs, ReportTogether
from shared.bus import Unheard
from shared.refusal import Refusal

MOST_TOGETHER = 64
MOST_REPORTS = 1000
"""Of requests that are sent together: all of them are answered when the last of these is committed."""
MOST_BYTES = 1024 * 1024
"""Of the bodies of requests that are sent together; a larger one goes alone."""
BUSY = 8
"""So many together mean that more are on their way: a transaction costs the same for ten reports and for a hundred."""
GATHER_SECONDS = 0.01
PATIENCE_SECONDS = 0.05
"""Nobody waits for longer for the answer to another question: whoever should give it may be dead."""


@dataclass(frozen=True)
class _Request:
    question: ReportJobs
    size: int
    answer: asyncio.Future[Accepted | Refusal]


class Reporting:
    """Sends the reports of a request alone or together with those of others.

    Each request is committed or refused for itself, and none waits for another's answer for long.
    """

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self._waiting: deque[_Request] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sending = False

    async def report(self, question: ReportJobs, size: int) -> Accepted:
        """The owner's answer, raising a refusal as a Problem; asked to the end even if the request is cancelled.

        `size`: of the request's body, in bytes.
        """
        request = _Request(question, size, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if not self._sending:
            self._sending = True
            self._start(self._send_all())
        found = await request.answer
        if isinstance(found, Refusal):
            raise Problem(found)
        return found

    def _start(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                together = self._together()
                await asyncio.wait({self._start(self._ask(together))}, timeout=PATIENCE_SECONDS)
                if len(together) >= BUSY and len(self._waiting) < MOST_TOGETHER:
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            self._sending = False

    def _together(self) -> list[_Request]:
        taken = [self._waiting.popleft()]
        size, reports = taken[0].size, len(taken[0].question.reports)
        while self._waiting and len(taken) < MOST_TOGETHER:
            size += self._waiting[0].size
            reports += len(self._waiting[0].question.reports)
            if size > MOST_BYTES or reports > MOST_REPORTS:
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _ask(self, requests: Sequence[_Request]) -> None:
        try:
            answers = await self._answers([request.question for request in requests])
            for request, answer in zip(requests, answers, strict=True):
                if request.answer.done():
                    continue
                if isinstance(answer, BaseException):
                    request.answer.set_exception(answer)
                else:
                    request.answer.set_result(answer)
        except Exception as error:  # noqa: BLE001  told to whoever asked
            for request in requests:
                if not request.answer.done():
                    request.answer.set_exception(error)

    async def _answers(self, questions: list[ReportJobs]) -> Sequence[Accepted | Refusal | BaseException]:
        if len(questions) == 1:
            return [await self._owners.answer_or_refusal(questions[0])]
        found = await self._owners.answer_or_refusal(ReportTogether(requests=questions))
        if isinstance(found, Unheard):
            return await self._answers_one_by_one(questions)
        if isinstance(found, Refusal):
            return [found] * len(questions)
        if len(found) != len(questions):  # nobody knows whose they are
            raise ValueError(f"{len(found)} answers to {len(questions)} requests")
        return found

    async def _answers_one_by_one(self, questions: list[ReportJobs]) -> Sequence[Accepted | Refusal | BaseException]:
        """As of jobs of the release before, which does not know the question for several."""
        first = await self._owners.answer_or_refusal(questions[0])
        if isinstance(first, Unheard):  # there is no jobs at all
            return [first] * len(questions)
        others = map(self._owners.answer_or_refusal, questions[1:])
        return [first, *await asyncio.gather(*others, return_exceptions=True)]

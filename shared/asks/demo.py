"""What only a demo may ask: a past, so that nothing starts empty. Owned by jobs, which answers only in a demo."""

from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import Field, model_validator

from shared.asks.ask import Ask
from shared.asks.fields import Body, JsonObject, Moment, Text
from shared.vocabulary import ErrorClass, TerminalStatus

MOST_BACKUPS = 5000
DEMO = "demo"
"""The key that marks the summary of a backup that never was."""


class PastBackup(Body):
    """A backup that is said to have run."""

    source_group_id: UUID
    status: TerminalStatus
    error_class: ErrorClass | None = None
    message: Text | None = None
    exit_code: int | None = None
    started_at: Moment
    finished_at: Moment
    summary: JsonObject = {}

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        if self.finished_at < self.started_at:
            raise ValueError("finished_at is before started_at")
        return self


class Past(Body):
    """Many of them, of any groups."""

    backups: Annotated[list[PastBackup], Field(min_length=1, max_length=MOST_BACKUPS)]


class TellPast(Ask[int]):
    """Write these backups as history, and tell nobody; how many were written.

    A group's past ends where its own jobs begin, and what is told again is left out.
    """

    subject: ClassVar[str] = "ask.jobs.demo.past"
    body: Past

"""Dead letters: messages that could not be handled and were kept. Each service that consumes owns its own."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.asks.ask import Ask

Consuming = Literal["alerts", "notifier"]
"""The services that consume, and may have dead letters."""
Most = Annotated[int, Field(ge=1, le=201)]
MOST_SHOWN_BYTES = 64 * 1024


class DeadLetter(BaseModel):
    """A message that a service could not handle: where it came from, and what went wrong the last time."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    service: Consuming
    subject: str
    stream_seq: int | None
    error: str
    created_at: AwareDatetime


class DeadLetterWithPayload(DeadLetter):
    """The same with its bytes as text, the first 64 kB of them; what is not UTF-8 is shown as U+FFFD."""

    payload: str
    payload_bytes: int


class Replayed(BaseModel):
    """Whether a dead letter has been handled after all; if not it stays, with this error."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    replayed: bool
    error: str | None = None


class ListAlertsDeadLetters(Ask[list[DeadLetter]]):
    """Newest first, from a place in the list on."""

    subject: ClassVar[str] = "ask.alerts.dead_letter.list"
    before: tuple[AwareDatetime, UUID] | None = None
    most: Most


class ListNotifierDeadLetters(Ask[list[DeadLetter]]):
    """Newest first, from a place in the list on."""

    subject: ClassVar[str] = "ask.notifier.dead_letter.list"
    before: tuple[AwareDatetime, UUID] | None = None
    most: Most


class GetAlertsDeadLetter(Ask[DeadLetterWithPayload]):
    subject: ClassVar[str] = "ask.alerts.dead_letter.get"
    id: UUID


class GetNotifierDeadLetter(Ask[DeadLetterWithPayload]):
    subject: ClassVar[str] = "ask.notifier.dead_letter.get"
    id: UUID


class ReplayAlertsDeadLetter(Ask[Replayed]):
    subject: ClassVar[str] = "ask.alerts.dead_letter.replay"
    id: UUID


class ReplayNotifierDeadLetter(Ask[Replayed]):
    subject: ClassVar[str] = "ask.notifier.dead_letter.replay"
    id: UUID


def as_text(payload: bytes) -> str:
    """A message's bytes as they are shown."""
    return payload[:MOST_SHOWN_BYTES].decode("utf-8", "replace")

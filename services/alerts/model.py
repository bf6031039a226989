"""The values that pass between deciding and saving."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.vocabulary import AlertKind, ErrorClass, Evidence, Resolution, Severity


class Key(NamedTuple):
    """What at most one open alert may exist for."""

    host_id: UUID
    kind: AlertKind
    dedup_key: str


@dataclass(frozen=True)
class Failure:
    """Evidence that something is wrong, and what an alert would say of it."""

    key: Key
    at: datetime
    job_id: UUID | None
    host_name: str
    host_labels: dict[str, str]
    source_group_id: UUID | None
    source_group_name: str | None
    severity: Severity
    title: str
    message: str | None
    hint: str | None
    error_class: ErrorClass | None
    last_success_at: datetime | None


@dataclass(frozen=True)
class Success:
    """Evidence that something is right again; `at` is exclusive: it clears failures before that moment."""

    key: Key
    at: datetime
    job_id: UUID | None
    resolution: Resolution


Finding = Failure | Success


class Marks(NamedTuple):
    """The newest failure and the newest success known of a key."""

    raised_at: datetime
    cleared_at: datetime


@dataclass(frozen=True)
class Raise:
    """Raise or touch: the newest of a run of failures, and how many they were."""

    newest: Failure
    first: Failure
    occurrences: int


@dataclass(frozen=True)
class Effect:
    """What evidence did: alerts raised or resolved, and failures that only counted on an open one.

    Of the events that brought it, some are `fresh`, and some came before.
    """

    transitions: int = 0
    touches: int = 0
    fresh: int = 0
    repeated: int = 0

    def __add__(self, other: "Effect") -> "Effect":
        """Both together."""
        return Effect(
            self.transitions + other.transitions,
            self.touches + other.touches,
            self.fresh + other.fresh,
            self.repeated + other.repeated,
        )


@dataclass(frozen=True)
class Letter:
    """A message that could not be handled, and why not."""

    subject: str
    stream_seq: int | None
    payload: bytes
    error: str


@dataclass(frozen=True)
class Clear:
    """Resolve what is open: the first of a run of successes did that; the newest says how much it clears."""

    newest: Success
    first: Success


Change = Raise | Clear


@dataclass(frozen=True)
class Judgement:
    """What a batch's findings about one key come to: changes in the order they happened, and what each finding did."""

    changes: list[Change]
    outcomes: list[Evidence]

"""What the notifier works with: arrived events, channels, decisions, claimed deliveries and how a try went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from shared.asks.channels import ChannelFilter
from shared.events import AlertEvent
from shared.vocabulary import AlertChange, ChannelKind, DeliveryState

EventKey = tuple[UUID, int]
"""An alert and the version that an event brought it to."""


@dataclass(frozen=True)
class Arrived:
    """An alert's event and the text it came as."""

    event: AlertEvent
    payload: str
    change: AlertChange
    """What happened to the alert."""

    @cached_property
    def key(self) -> EventKey:
        """What makes it the same event when it comes again."""
        return self.event.alert_id, self.event.version


class BuiltIn(StrEnum):
    """Kinds of channels that nobody makes."""

    SINK = "sink"


AnyKind = ChannelKind | BuiltIn


@dataclass(frozen=True)
class Target:
    """Where deliveries to a channel go, and how, as it was set when they were claimed."""

    channel_id: UUID
    kind: AnyKind
    config: dict[str, Any]
    secrets: bytes
    at_most_once: bool
    generation: int


@dataclass(frozen=True)
class Listener:
    """As much of a channel as it takes to decide what it is told."""

    id: UUID
    name: str
    enabled: bool
    events: list[AlertChange]
    filter: ChannelFilter


class Cause(StrEnum):
    """What kept an event from a channel."""

    DISABLED = "disabled"
    EVENTS = "events"
    FILTER = "filter"
    RAISE_WITHHELD = "raise_withheld"


class Fault(StrEnum):
    """Why a transition is not accounted for."""

    NOT_PUBLISHED = "not_published"
    NOT_RECEIVED = "not_received"
    ANOTHER_EVENT = "another_event"
    NOT_FANNED_OUT = "not_fanned_out"
    NO_DECISION = "no_decision"
    NO_DELIVERY = "no_delivery"
    VERSION_MISSING = "version_missing"


@dataclass(frozen=True)
class Due:
    """The channel is to be told."""

    reason: str


@dataclass(frozen=True)
class Withheld:
    """The channel is not told, and why."""

    cause: Cause
    reason: str


@dataclass(frozen=True)
class Decided:
    """What was decided about one event and one channel."""

    arrived: Arrived
    listener: Listener
    outcome: Due | Withheld

    @property
    def first(self) -> bool:
        """Whether there can be nothing that this channel is to be told of the alert before."""
        return self.arrived.event.version == 1


@dataclass(frozen=True)
class When:
    """When new deliveries are due, and to which channels they are sent as soon as they are made, leased for so long."""

    first_after: timedelta
    at_once: Sequence[UUID] = ()
    lease: timedelta = timedelta(0)


@dataclass(frozen=True)
class Stored:
    """How a channel reaches its receiver: what may be shown, and what may not."""

    config: dict[str, Any]
    secrets: dict[str, Any]


@dataclass(frozen=True)
class SealedChannel:
    """A channel's row."""

    id: UUID
    name: str
    kind: ChannelKind
    config: dict[str, Any]
    secrets: bytes
    events: list[AlertChange]
    filter: ChannelFilter
    at_most_once: bool
    enabled: bool
    disabled_reason: str | None
    created_at: datetime


@dataclass(frozen=True)
class Message:
    """What a channel is to say; `id` stays the same on every try, so receivers can tell a repeat; `at` is RFC 3339.

    One that is sent `once` is not risked on a connection that was kept open, and may be dead already.
    """

    id: UUID
    type: str
    at: str
    alert: dict[str, Any] | None
    actor: str | None
    note: str | None
    once: bool = False


@dataclass(frozen=True)
class Claimed:
    """A delivery that is this process's to make, as long as its token is the newest."""

    id: UUID
    token: int
    tries: int
    type: str
    payload: str
    target: Target

    @cached_property
    def event(self) -> dict[str, Any]:
        """The payload, read."""
        read: dict[str, Any] = from_json(self.payload)
        return read


@dataclass(frozen=True)
class Delivered:
    """The receiver took it."""

    status: int
    detail: str


@dataclass(frozen=True)
class Refused:
    """The receiver answered, and not with yes; `gone` means that it never wants to be called again."""

    status: int
    reason: str
    detail: str
    retry_after: timedelta | None = None
    gone: bool = False


@dataclass(frozen=True)
class Unreachable:
    """No answer came; `unsent` when it is certain that nothing arrived."""

    reason: str
    unsent: bool = False


Outcome = Delivered | Refused | Unreachable


@dataclass(frozen=True)
class Next:
    """Where a delivery stands after a try; `after` is when to try again."""

    state: DeliveryState
    after: timedelta | None = None
    error: str | None = None


@dataclass(frozen=True)
class Tried:
    """One try of a claimed delivery."""

    claimed: Claimed
    outcome: Outcome
    at: datetime
    duration_ms: int
    next: Next

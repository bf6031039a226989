"""Deliveries: what was told to whom, and how it went. Owned by notifier."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.asks.ask import Ask, Page
from shared.asks.fields import Limit
from shared.vocabulary import DeliveryState


class Attempt(BaseModel):
    """One try: what came back (the first 1 kB) and how long it took."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    duration_ms: int
    status: int | None
    detail: str


class Delivery(BaseModel):
    """One event on its way to one channel; its id is the `webhook-id` of every try."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    channel_id: UUID
    channel_name: str
    alert_id: UUID
    event: str
    state: DeliveryState
    attempts: int
    next_attempt_at: AwareDatetime | None
    last_error: str | None
    delivered_at: AwareDatetime | None
    created_at: AwareDatetime


class DeliveryWithAttempts(BaseModel):
    """A delivery with `attempts` as the list of tries, oldest first."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    channel_id: UUID
    channel_name: str
    alert_id: UUID
    event: str
    state: DeliveryState
    attempts: list[Attempt]
    next_attempt_at: AwareDatetime | None
    last_error: str | None
    delivered_at: AwareDatetime | None
    created_at: AwareDatetime


class DeliveryOfChannel(Delivery):
    """A delivery with what it is about, and the last answer of the receiver (its first 1 kB)."""

    alert_title: str
    last_answer: str | None
    dead_at: AwareDatetime | None


class Decision(BaseModel):
    """Why a channel was, or was not, told of an event."""

    model_config = ConfigDict(frozen=True)

    event: str
    channel_id: UUID
    channel_name: str
    due: bool
    reason: str


class AlertDeliveries(BaseModel):
    """All that notifier knows of one alert."""

    model_config = ConfigDict(frozen=True)

    deliveries: list[Delivery]
    decisions: list[Decision]


class ListDeliveries(Ask[Page[Delivery]]):
    """Newest first; every filter may repeat (or)."""

    subject: ClassVar[str] = "ask.notifier.delivery.list"
    channel_ids: list[UUID] = []
    alert_ids: list[UUID] = []
    states: list[DeliveryState] = []
    limit: Limit = 50
    cursor: str | None = None


class ListDeliveriesOfChannel(Ask[Page[DeliveryOfChannel]]):
    """Newest first; those that were given up alone, the last one first."""

    subject: ClassVar[str] = "ask.notifier.delivery.channel"
    channel_id: UUID
    given_up: bool = False
    limit: Limit = 50
    cursor: str | None = None


class GetDelivery(Ask[DeliveryWithAttempts]):
    subject: ClassVar[str] = "ask.notifier.delivery.get"
    id: UUID


class TellAttempts(Ask[dict[UUID, list[Attempt]]]):
    """The tries of each of these deliveries, oldest first; one that was not tried yet is absent."""

    subject: ClassVar[str] = "ask.notifier.attempt.list"
    delivery_ids: list[UUID]


class RetryDelivery(Ask[Delivery]):
    """409 unless it is `failed` or `dead`."""

    subject: ClassVar[str] = "ask.notifier.delivery.retry"
    id: UUID


class GetAlertDeliveries(Ask[AlertDeliveries]):
    subject: ClassVar[str] = "ask.notifier.alert.get"
    alert_id: UUID

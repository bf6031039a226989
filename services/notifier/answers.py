"""What the gateway may ask."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.notifier.channel_answers import ChannelAnswers
from services.notifier.queries import channels as channel_queries
from services.notifier.queries import deliveries as queries
from services.notifier.queries import reads
from shared.asks.ask import Ask, Page
from shared.asks.deliveries import (
    AlertDeliveries,
    Attempt,
    Delivery,
    DeliveryWithAttempts,
    GetAlertDeliveries,
    GetDelivery,
    ListDeliveries,
    RetryDelivery,
    TellAttempts,
)
from shared.bus import Handler
from shared.cursor import decode_time_and_id, page
from shared.db import Pool
from shared.refusal import Refusal


@dataclass(frozen=True)
class Answers:
    """Answers from the database; `announce` wakes the deliveries when one is to be made at once."""

    pool: Pool
    channels: ChannelAnswers
    announce: Callable[[], Awaitable[None]]

    def all(self) -> dict[type[Ask[Any]], Handler]:
        """Which question goes where."""
        return {
            **self.channels.all(),
            ListDeliveries: self.list_deliveries,
            GetDelivery: self.get_delivery,
            RetryDelivery: self.retry_delivery,
            GetAlertDeliveries: self.get_alert_deliveries,
            TellAttempts: self.tell_attempts,
        }

    async def list_deliveries(self, question: ListDeliveries) -> Page[Delivery] | Refusal:
        """A page of deliveries, newest first."""
        key = decode_time_and_id(question.cursor)
        if isinstance(key, Refusal):
            return key
        found = await reads.newest_first(self.pool, question, *key)
        return page(found, question.limit, lambda delivery: (delivery.created_at, delivery.id))

    async def get_delivery(self, question: GetDelivery) -> DeliveryWithAttempts | Refusal:
        """One delivery with its tries."""
        delivery = await reads.delivery(self.pool, question.id)
        if delivery is None:
            return Refusal.not_found("delivery")
        tries = await reads.attempts_of(self.pool, [question.id])
        return DeliveryWithAttempts(**dict(delivery) | {"attempts": tries.get(question.id, [])})

    async def retry_delivery(self, question: RetryDelivery) -> Delivery | Refusal:
        """The delivery, about to be tried at once and by its full schedule again."""
        retried = await queries.retry(self.pool, question.id)
        delivery = await reads.delivery(self.pool, question.id)
        if delivery is None:
            return Refusal.not_found("delivery")
        if not retried:
            return await self._not_retried(delivery)
        await self.announce()
        return delivery

    async def _not_retried(self, delivery: Delivery) -> Refusal:
        channel = await channel_queries.get(self.pool, delivery.channel_id)
        if channel is None:
            return Refusal.conflict("The channel of this delivery has been deleted.")
        if not channel.enabled:
            return Refusal.conflict("The channel of this delivery is disabled; enable it first.")
        return Refusal.conflict(f"Only failed or dead deliveries can be retried; this one is {delivery.state}.")

    async def get_alert_deliveries(self, question: GetAlertDeliveries) -> AlertDeliveries:
        """What was decided and sent about one alert, oldest first."""
        return AlertDeliveries(
            deliveries=await reads.deliveries_of_alert(self.pool, question.alert_id),
            decisions=await reads.decisions_of_alert(self.pool, question.alert_id),
        )

    async def tell_attempts(self, question: TellAttempts) -> dict[UUID, list[Attempt]]:
        """The tries of several deliveries."""
        return await reads.attempts_of(self.pool, question.delivery_ids)

"""What the gateway may ask."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.notifier.channel_answers import ChannelAnswers
from services.notifier.dead_letters import DeadLetterAnswers
from services.notifier.queries import channels as channel_queries
from services.notifier.queries import deliveries as queries
from services.notifier.queries import health, reads
from shared.asks.ask import Ask, Page
from shared.asks.channels import MOST_COUNTED, ChannelHealth, GetChannelsHealth
from shared.asks.deliveries import (
    AlertDeliveries,
    Attempt,
    Delivery,
    DeliveryOfChannel,
    DeliveryWithAttempts,
    GetAlertDeliveries,
    GetDelivery,
    ListDeliveries,
    ListDeliveriesOfChannel,
    RetryDelivery,
    TellAttempts,
)
from shared.bus import Handler
from shared.cursor import decode_time_and_id, page
from shared.db import Pool
from shared.refusal import Refusal

LATELY = timedelta(hours=24)


@dataclass(frozen=True)
class Answers:
    """Answers from the database; `announce` wakes the deliveries when one is to be made at once."""

    pool: Pool
    channels: ChannelAnswers
    dead_letters: DeadLetterAnswers
    announce: Callable[[], Awaitable[None]]

    def all(self) -> dict[type[Ask[Any]], Handler]:
        """Which question goes where."""
        return {
            **self.channels.all(),
            **self.dead_letters.all(),
            ListDeliveries: self.list_deliveries,
            GetDelivery: self.get_delivery,
            RetryDelivery: self.retry_delivery,
            GetAlertDeliveries: self.get_alert_deliveries,
            TellAttempts: self.tell_attempts,
            ListDeliveriesOfChannel: self.list_deliveries_of_channel,
            GetChannelsHealth: self.get_channels_health,
        }

    async def list_deliveries(self, question: ListDeliveries) -> Page[Delivery] | Refusal:
        """A page of deliveries, newest first."""
        key = decode_time_and_id(question.cursor)
        if isinstance(key, Refusal):
            return key
        found = await reads.newest_first(self.pool, question, *key)
        return page(found, question.limit, lambda delivery: (delivery.created_at, delivery.id))

    async def list_deliveries_of_channel(self, question: ListDeliveriesOfChannel) -> Page[DeliveryOfChannel] | Refusal:
        """A page of a channel's deliveries."""
        key = decode_time_and_id(question.cursor)
        if isinstance(key, Refusal):
            return key
        if question.given_up:
            found = await health.given_up(self.pool, question.channel_id, *key, question.limit + 1)
            return page(found, question.limit, lambda delivery: (delivery.dead_at, delivery.id))
        found = await health.told_lately(self.pool, question.channel_id, *key, question.limit + 1)
        return page(found, question.limit, lambda delivery: (delivery.created_at, delivery.id))

    async def get_channels_health(self, question: GetChannelsHealth) -> list[ChannelHealth]:
        """How each of these channels did within a day."""
        return await health.health(self.pool, question.ids, LATELY, MOST_COUNTED)

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

"""The whole notifier on a real PostgreSQL and a real JetStream; the tests announce what alerts would."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import nats
import pytest
from nats.aio.client import Client

from services.notifier.app import serve_notifier
from services.notifier.settings import Settings
from shared import streams
from shared.asks.ask import Ask
from shared.asks.channels import ChannelCreate, ChannelWithSecret, CreateChannel
from shared.asks.deliveries import AlertDeliveries, GetAlertDeliveries
from shared.bus import ask
from shared.events import AlertEvent
from shared.migrate import migrate_database
from shared.refusal import Refusal


@dataclass
class Running:
    """A bus with as many notifiers on it as the test starts."""

    client: Client
    settings: Settings
    alert_event: Callable[..., AlertEvent]
    alert: UUID = field(default_factory=uuid4)

    @asynccontextmanager
    async def notifier(self):
        """One more replica, for as long as this lasts."""
        stop = asyncio.Event()
        task = asyncio.create_task(serve_notifier(self.settings, stop, "127.0.0.1", None))
        try:
            yield task
        finally:
            stop.set()
            await asyncio.wait_for(task, 15)

    async def announce(self, change: str, version: int = 1, alert: UUID | None = None, **about) -> AlertEvent:
        """What alerts publishes, durably."""
        event = self.alert_event(change, alert or self.alert, version, **about)
        await self.publish(event)
        return event

    async def publish(self, event: AlertEvent) -> None:
        await self.raw(event.subject, event.model_dump_json().encode())

    async def raw(self, subject: str, body: bytes) -> None:
        await self.client.jetstream().publish(subject, body, stream=streams.STREAM)

    async def ask(self, question: Ask[Any]) -> Any:
        """The answer, waiting for the notifier to be up."""
        async with asyncio.timeout(20):
            while isinstance(answer := await ask(self.client, question), Refusal) and answer.status == 503:
                await asyncio.sleep(0.05)
        return answer

    async def channel(self, url: str, **body) -> ChannelWithSecret:
        given = {"name": f"channel {uuid4().hex[:8]}", "kind": "webhook", "config": {"url": url}} | body
        return await self.ask(CreateChannel(body=ChannelCreate(**given)))

    async def of_alert(self, alert: UUID | None = None) -> AlertDeliveries:
        return await self.ask(GetAlertDeliveries(alert_id=alert or self.alert))

    async def settled(self, count: int, alert: UUID | None = None) -> list[str]:
        """The states of the alert's deliveries, once there are this many and none waits."""
        async with asyncio.timeout(20):
            while True:
                states = [delivery.state.value for delivery in (await self.of_alert(alert)).deliveries]
                if len(states) == count and not {"pending", "failed"} & set(states):
                    return states
                await asyncio.sleep(0.02)

    async def acknowledged(self) -> None:
        """Once the notifier has taken in, or set aside, all that the stream holds for it."""
        js = self.client.jetstream()
        async with asyncio.timeout(20):
            while (info := await js.consumer_info(streams.STREAM, streams.NOTIFIER.name)).num_pending or (
                info.num_ack_pending
            ):
                await asyncio.sleep(0.02)


@pytest.fixture
async def bus(database_url: str, nats_url: str, alert_event):
    settings = Settings(
        database_url=database_url,
        nats_url=nats_url,
        secret_key="a key of more than thirty-two characters",
        webhook_networks="127.0.0.0/8",
        retry_schedule="0,0.05,0.05",
    )
    client = await nats.connect(nats_url)
    await streams.ensure(client.jetstream(), 1)
    yield Running(client, settings, alert_event)
    await client.close()


@pytest.fixture(scope="session")
def migrated_template(empty_database_of) -> str:
    """Only this service's schema: no service reads another's tables."""
    url = empty_database_of()
    migrate_database(url, ("notifier",))
    return urlsplit(url).path[1:]

"""The notifier on a real database, with its parts in the test's hand."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.notifier import handlers
from services.notifier.answers import Answers
from services.notifier.channel_answers import ChannelAnswers
from services.notifier.channels import kinds
from services.notifier.channels.webhook import Lines, open_lines
from services.notifier.dead_letters import DeadLetterAnswers
from services.notifier.deliveries import LEASE, Deliverer
from services.notifier.model import Arrived
from services.notifier.queries import own_trouble
from services.notifier.results import Results
from services.notifier.tries import Tries
from shared.asks.channels import (
    ChannelCreate,
    ChannelPatch,
    ChannelWithSecret,
    CreateChannel,
    DeleteChannel,
    PatchChannel,
)
from shared.asks.deliveries import (
    AlertDeliveries,
    Delivery,
    DeliveryWithAttempts,
    GetAlertDeliveries,
    GetDelivery,
    ListDeliveries,
    RetryDelivery,
)
from shared.clock import utc_now
from shared.migrate import migrate_database
from shared.sealing import Sealer
from shared.vocabulary import AlertChange

NOW = timedelta(0)
SECRET_KEY = "a key of more than thirty-two characters"
DISABLE_AFTER = timedelta(days=5)
SCHEDULE = [0, 3600, 3600]
PUBLIC_URL = "https://keepwatch.example/"


@dataclass
class Notifier:
    """One notifier; `worker` sends when told to, so that a test decides what happens before what."""

    pool: asyncpg.Pool
    lines: Lines
    alert_event: Callable
    alert: UUID = field(default_factory=uuid4)
    announced: int = 0
    workers: list[Deliverer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sealer = Sealer(SECRET_KEY)
        self.worker = self.new_worker()
        self.channels = ChannelAnswers(self.pool, kinds(self.lines), self.sealer)
        self.letters = DeadLetterAnswers(self.pool, NOW, self._announce)
        self.answers = Answers(self.pool, self.channels, self.letters, self._announce)

    async def _announce(self) -> None:
        self.announced += 1

    def new_worker(self, lease: timedelta = LEASE, later: timedelta = NOW) -> Deliverer:
        """Another replica's sender, whose clock may go ahead."""
        ways = kinds(self.lines)
        clock = lambda: utc_now() + later  # noqa: E731  a clock is one line
        tries = Tries(self.pool, ways, self.sealer, SCHEDULE, PUBLIC_URL, clock=clock)
        worker = Deliverer(self.pool, tries, Results(self.pool, DISABLE_AFTER), lease=lease)
        self.workers.append(worker)
        return worker

    async def stop(self) -> None:
        """End the calls that are still under way, and with them those that would follow."""
        calls = [call for worker in self.workers for call in worker._sending]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def event(self, change: str, version: int = 1, alert: UUID | None = None, **about) -> Arrived:
        made = self.alert_event(change, alert or self.alert, version, **about)
        return Arrived(made, made.model_dump_json(), AlertChange(change))

    async def tell(self, *events: Arrived) -> int:
        """Take events in as one batch; how many deliveries that made."""
        return await handlers.alerts_changed(self.pool, events, NOW)

    async def channel(self, url: str = "http://127.0.0.1:9/hook", **body) -> ChannelWithSecret:
        given = {"name": f"channel {uuid4().hex[:8]}", "kind": "webhook", "config": {"url": url}} | body
        return await self.channels.create_channel(CreateChannel(body=ChannelCreate(**given)))

    async def change(self, channel, **changes):
        return await self.channels.patch_channel(PatchChannel(id=channel.id, changes=ChannelPatch(**changes)))

    async def delete(self, channel):
        return await self.channels.delete_channel(DeleteChannel(id=channel.id))

    async def send(self, worker: Deliverer | None = None) -> None:
        """Let a worker send what is ripe now, and record it."""
        worker = worker or self.worker
        await worker.send_some()
        if worker._sending:
            await asyncio.wait(worker._sending)
        await worker.record_some()

    async def deliveries(self, **filters) -> list[Delivery]:
        """Oldest first."""
        return (await self.answers.list_deliveries(ListDeliveries(limit=200, **filters))).items[::-1]

    async def delivery(self, identity: UUID) -> DeliveryWithAttempts:
        return await self.answers.get_delivery(GetDelivery(id=identity))

    async def only_delivery(self) -> DeliveryWithAttempts:
        (delivery,) = await self.deliveries()
        return await self.delivery(delivery.id)

    async def retry(self, delivery):
        return await self.answers.retry_delivery(RetryDelivery(id=delivery.id))

    async def of_alert(self, alert: UUID | None = None) -> AlertDeliveries:
        return await self.answers.get_alert_deliveries(GetAlertDeliveries(alert_id=alert or self.alert))

    async def reasons(self) -> list[tuple[str, str, bool, str]]:
        """The decisions about the alert."""
        found = (await self.of_alert()).decisions
        return [(one.event, one.channel_name, one.due, one.reason) for one in found]

    async def own_trouble(self) -> list[tuple[str, str, bool]]:
        """What alerts is to be told, in order: kind, key, and whether it is over."""
        return [(one.kind.value, one.dedup_key, one.over) for one in await own_trouble.to_tell(self.pool, 100)]

    async def time_passes(self) -> None:
        """Everything that waits is ripe, and every lease is over."""
        await self.pool.execute(
            "UPDATE notifier.delivery SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL"
        )
        await self.pool.execute(
            "UPDATE notifier.delivery SET lease_until = now() - interval '1 s' WHERE lease_until > now()"
        )


@pytest.fixture
async def notifier(pool: asyncpg.Pool, alert_event, receive):
    """Ends before those whom it calls."""
    async with open_lines([ip_network("127.0.0.0/8")]) as lines:
        notifier = Notifier(pool, lines, alert_event)
        yield notifier
        await notifier.stop()


@pytest.fixture(scope="session")
def migrated_template(empty_database_of) -> str:
    """Only this service's schema: no service reads another's tables."""
    url = empty_database_of()
    migrate_database(url, ("notifier",))
    return urlsplit(url).path[1:]

"""Every transition has its deliveries or a recorded reason, and one that has not is found: both services for real."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import pytest
from faststream.nats import NatsBroker
from prometheus_client import REGISTRY

from services.alerts import handlers as alerts
from services.alerts.answers import Answers
from services.alerts.queries import audit as alerts_audit
from services.notifier import handlers as notifier
from services.notifier.audit import PAGE, Audit, missing
from services.notifier.model import Fault
from shared.asks.alerts import Acknowledge
from shared.bus import ask, open_bus, serve_answers
from shared.events import JobFinished
from shared.vocabulary import JobKind, TerminalStatus

AT_ONCE = timedelta(0)


@dataclass
class Told:
    """Alerts and what people were told of them."""

    pool: asyncpg.Pool
    answers: Answers
    audit: Audit

    async def failed(self, count: int = 1, status: str = "failed", groups: list[UUID] | None = None) -> list[UUID]:
        """So many groups that fail; their ids."""
        groups = groups or [uuid4() for _ in range(count)]
        now = datetime.now(UTC)
        events = [
            JobFinished(
                event_id=uuid4(), job_id=uuid4(), host_id=UUID(int=7), host_name="web-01", kind=JobKind.BACKUP,
                source_group_id=group, source_group_name="etc", status=TerminalStatus(status), evidence_at=now,
            )
            for group in groups
        ]  # fmt: skip
        await alerts.apply(self.pool, events)
        return groups

    async def publish(self) -> None:
        """What the outbox and the stream do: everything not announced yet goes to the notifier."""
        rows = await self.pool.fetch(
            "UPDATE alerts.alert_event SET published_at = now() WHERE published_at IS NULL RETURNING type, payload"
        )
        arrived = [notifier.decode(row["type"], row["payload"]) for row in rows]
        await notifier.alerts_changed(self.pool, arrived, AT_ONCE)

    async def age(self, minutes: float) -> None:
        """So much time passes."""
        past = timedelta(minutes=minutes)
        for statement in (
            "UPDATE alerts.alert_event SET at = at - $1::interval, published_at = published_at - $1::interval",
            "UPDATE alerts.alert SET resolved_at = resolved_at - $1::interval",
            "UPDATE notifier.event SET fanned_out_at = fanned_out_at - $1::interval",
            "UPDATE notifier.channel SET created_at = created_at - $1::interval",
        ):
            await self.pool.execute(statement, past)

    async def channel(self, events: str = "{raised,acked,resolved}") -> UUID:
        return await self.pool.fetchval(
            "INSERT INTO notifier.channel (id, name, kind, config, secrets, events, filter, enabled, created_at)"
            " VALUES ($1, $1::uuid::text, 'webhook', '{}', '', $2::text::text[], '{}', true, now() - interval '1 hour')"
            " RETURNING id",
            uuid4(), events,
        )  # fmt: skip

    async def faults(self) -> list[tuple[int, Fault]]:
        """What is missing: version and why, in the order of versions; asked of alerts over the broker."""
        found = await missing(self.pool, partial(ask, self.audit.client))
        return sorted((one.transition.version, one.fault) for one in found)


@pytest.fixture
async def told(pool, nats_url):
    async def nobody() -> None:
        pass

    answers = Answers(pool, nobody)

    def subscribe(broker: NatsBroker) -> None:
        serve_answers(broker, "alerts", answers.all())

    async with open_bus([nats_url], "alerts", subscribe) as client:
        yield Told(pool, answers, Audit(pool, client))


@pytest.fixture
async def whole(told):
    """Alerts raised, acknowledged and resolved, of which one channel was told everything and one only the ends."""
    await told.channel()
    await told.channel("{resolved}")
    groups = await told.failed(3)
    await told.publish()
    rows = await told.pool.fetch("SELECT id FROM alerts.alert")
    await told.answers.acknowledge(Acknowledge(ids=[row["id"] for row in rows], actor="ann"))
    await told.failed(status="succeeded", groups=groups)
    await told.publish()
    await told.age(30)
    return told


async def test_nothing_is_missing_of_what_was_told_or_has_a_reason(whole):
    assert await whole.pool.fetchval("SELECT count(*) FROM alerts.alert_event") == 9
    assert await whole.faults() == []


@pytest.mark.parametrize(
    ("harm", "version", "fault"),
    [
        ("DELETE FROM notifier.delivery WHERE id IN (SELECT id FROM notifier.delivery WHERE version = 3 LIMIT 1)", 3,
         Fault.NO_DELIVERY),
        ("DELETE FROM notifier.decision WHERE ctid IN (SELECT ctid FROM notifier.decision WHERE version = 2 LIMIT 1)",
         2, Fault.NO_DECISION),
        (("UPDATE notifier.event SET fanned_out_at = NULL WHERE ctid IN (SELECT ctid FROM notifier.event"
         " WHERE version = 3 LIMIT 1)"), 3, Fault.NOT_FANNED_OUT),
        (("UPDATE notifier.event SET event_id = gen_random_uuid() WHERE ctid IN (SELECT ctid FROM notifier.event"
         " WHERE version = 1 LIMIT 1)"), 1, Fault.ANOTHER_EVENT),
        (("UPDATE alerts.alert_event SET published_at = NULL WHERE id IN (SELECT id FROM alerts.alert_event"
         " WHERE version = 2 LIMIT 1)"), 2, Fault.NOT_PUBLISHED),
    ],
)  # fmt: skip
async def test_what_is_missing_is_found_and_named(whole, harm, version, fault):
    await whole.pool.execute(harm)

    assert await whole.faults() == [(version, fault)]


async def test_an_event_that_never_came_is_found(told):
    await told.failed(2)
    await told.publish()
    await told.failed()
    await told.pool.execute("UPDATE alerts.alert_event SET published_at = now()")
    await told.age(30)

    assert await told.faults() == [(1, Fault.NOT_RECEIVED)]


async def test_a_version_without_an_event_is_found_from_both_sides(whole):
    await whole.pool.execute(
        "DELETE FROM alerts.alert_event WHERE version = 2 AND alert_id = (SELECT id FROM alerts.alert LIMIT 1)"
    )

    assert await whole.faults() == [(1, Fault.VERSION_MISSING), (3, Fault.VERSION_MISSING)]


async def test_a_last_version_without_an_event_is_found(whole):
    await whole.pool.execute(
        "DELETE FROM alerts.alert_event WHERE version = 3 AND alert_id = (SELECT id FROM alerts.alert LIMIT 1)"
    )

    assert await whole.faults() == [(2, Fault.VERSION_MISSING)]


async def test_what_is_on_its_way_is_not_missing_yet(told):
    await told.failed()
    assert await told.faults() == []

    await told.pool.execute("UPDATE alerts.alert_event SET at = at - interval '1 hour', published_at = now()")
    assert await told.faults() == []

    await told.age(11)
    assert await told.faults() == [(1, Fault.NOT_RECEIVED)]


async def test_a_channel_made_later_was_not_to_be_told(whole):
    await whole.pool.execute("UPDATE notifier.channel SET created_at = now() - interval '10 minutes'")
    await whole.pool.execute("DELETE FROM notifier.delivery")
    await whole.pool.execute("DELETE FROM notifier.decision")

    assert await whole.faults() == []


async def test_alerts_that_ended_long_ago_are_not_looked_at_since_their_deliveries_may_be_gone(told):
    groups = await told.failed()
    await told.failed(status="succeeded", groups=groups)
    await told.pool.execute("UPDATE alerts.alert_event SET published_at = now()")
    await told.age(8 * 24 * 60)
    assert await told.faults() == []

    await told.failed()
    await told.pool.execute("UPDATE alerts.alert_event SET published_at = now() WHERE published_at IS NULL")
    await told.age(8 * 24 * 60)
    assert await told.faults() == [(1, Fault.NOT_RECEIVED)]


async def test_every_page_is_looked_at(told):
    await told.failed(PAGE + 3)
    await told.pool.execute("UPDATE alerts.alert_event SET published_at = now()")
    await told.age(30)

    assert len(await told.faults()) == PAGE + 3


async def test_a_look_is_told_to_prometheus_and_kept(whole):
    await whole.audit.look()
    assert REGISTRY.get_sample_value("keepwatch_audit_missing") == 0
    assert whole.audit.clean_at is not None

    await whole.pool.execute("DELETE FROM notifier.delivery WHERE version = 1")
    await whole.audit.look()

    assert REGISTRY.get_sample_value("keepwatch_audit_missing") == 3
    assert whole.audit.clean_at is None


async def test_a_look_that_alerts_does_not_answer_says_nothing(pool, nats_url):
    async with open_bus([nats_url], "notifier", lambda _: None) as client:
        audit = Audit(pool, client)
        with pytest.raises(TimeoutError, match="alerts"):
            await audit.look()

        assert audit.clean_at is None


async def test_a_look_at_the_last_days_reads_nothing_older(told):
    await told.failed(400)
    await told.publish()
    await told.age(30 * 24 * 60)
    await told.failed()
    await told.publish()
    await told.age(30)
    await told.pool.execute("ANALYZE alerts.alert, alerts.alert_event, notifier.event")
    async with told.pool.acquire() as connection:

        async def read() -> int:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            return await connection.fetchval(
                """
                SELECT (SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE schemaname = 'alerts')
                     + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE schemaname = 'alerts')
                """
            )

        async def tell(question):
            return await alerts_audit.transitions(connection, question)

        before = await read()
        assert await missing(connection, tell, datetime.now(UTC) - timedelta(days=7)) == []
        assert await read() - before < 50

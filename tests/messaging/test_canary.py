"""The canary goes the whole way through the real services, and no person sees anything of it."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import nats
import pytest
from prometheus_client import REGISTRY

import services.alerts.app
import services.jobs.app
from services.alerts.queries import retention as alerts_retention
from services.notifier import retention
from services.notifier.app import serve_notifier
from services.notifier.canary import Watch
from services.notifier.settings import Settings
from shared import streams
from shared.asks.alerts import CountAlerts, ListAlerts, WorstFirst
from shared.asks.channels import CreateChannel, GetChannel, ListChannels
from shared.asks.deliveries import ListDeliveries
from shared.asks.jobs import ListJobs
from shared.bus import ask
from shared.own_host import CANARY_HOST_ID, OWN_HOST_ID, SINK_CHANNEL_ID
from shared.refusal import Refusal
from shared.sealing import Sealer

KEY = "a secret key of at least 32 characters"


async def until(fact, seconds: float = 20):
    """Wait for a fact, and give it."""
    async with asyncio.timeout(seconds):
        while not (found := await fact()):
            await asyncio.sleep(0.05)  # between two looks, not instead of one
        return found


@pytest.fixture
async def client(nats_url):
    connected = await nats.connect(nats_url)
    await streams.ensure(connected.jetstream(), 1)
    yield connected
    await connected.close()


@pytest.fixture
def running(database_url, nats_url, client):
    """Runs the three services, with a canary every so many seconds."""

    @asynccontextmanager
    async def run(canary_seconds: str):
        environ = {
            "KEEPWATCH_DATABASE_URL": database_url, "KEEPWATCH_NATS_URL": nats_url, "KEEPWATCH_SECRET_KEY": KEY,
            "KEEPWATCH_CANARY_SECONDS": canary_seconds,
        }  # fmt: skip
        stop = asyncio.Event()
        settings = Settings(
            database_url=database_url, nats_url=nats_url, secret_key=KEY, canary_seconds=float(canary_seconds)
        )
        tasks = [
            asyncio.create_task(services.jobs.app.run(environ, "127.0.0.1", None)),
            asyncio.create_task(services.alerts.app.run(environ, "127.0.0.1", None)),
            asyncio.create_task(serve_notifier(settings, stop, "127.0.0.1", None)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return run


async def arrived(pool, count: int) -> bool:
    return await pool.fetchval("SELECT count(*) FROM notifier.delivery WHERE state = 'delivered'") >= count


async def test_it_goes_the_whole_way_again_and_again_and_people_see_nothing(running, pool, client):
    told = await client.subscribe("alert.raised")
    async with running("0.5"):
        question = CreateChannel.model_validate(
            {"body": {"name": "ops", "kind": "webhook", "config": {"url": "http://127.0.0.1:9/hook"}}}
        )

        async def made():
            answer = await ask(client, question)
            return None if isinstance(answer, Refusal) and answer.status == 503 else answer

        channel = await until(made)
        await until(lambda: arrived(pool, 6))

        assert json.loads((await told.next_msg(5)).data)["alert"]["host_id"] == str(CANARY_HOST_ID)
        assert (await ask(client, ListAlerts(limit=50))).items == []
        assert await ask(client, WorstFirst(limit=50)) == []
        counts = await ask(client, CountAlerts())
        assert (sum(counts.open.values()), counts.acked) == (0, 0)
        assert (await ask(client, ListJobs(limit=50))).items == []
        assert (await ask(client, ListDeliveries(limit=50))).items == []
        assert [one.id for one in (await ask(client, ListChannels(limit=50))).items] == [channel.id]
        assert (await ask(client, GetChannel(id=SINK_CHANNEL_ID))).status == 404

    events = [row["type"] for row in await pool.fetch("SELECT type FROM alerts.alert_event ORDER BY id LIMIT 6")]
    assert events == ["raised", "resolved"] * 3
    decided = await pool.fetch("SELECT DISTINCT channel_id FROM notifier.decision")
    assert [row["channel_id"] for row in decided] == [SINK_CHANNEL_ID]
    assert REGISTRY.get_sample_value("keepwatch_canary_seconds_count") >= 6


async def test_none_is_sent_unless_one_is_asked_for(running, pool, client):
    async with running("0"):
        for question in (ListJobs(limit=1), ListAlerts(limit=1), ListChannels(limit=1)):

            async def answered(question=question):
                return not isinstance(await ask(client, question), Refusal)

            await until(answered)

    assert await pool.fetchval("SELECT count(*) FROM jobs.outbox") == 0
    assert await pool.fetchval("SELECT count(*) FROM notifier.channel") == 0


@pytest.fixture
async def sink(pool):
    """The sink, and a way to let a canary have arrived so many seconds ago."""
    await watching(pool).make_sink()

    async def arrive(seconds: float) -> None:
        await pool.execute(
            """
            WITH came AS (
                INSERT INTO notifier.event (alert_id, version, event_id, type, payload, fanned_out_at)
                VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'resolved', '{}', now() - $2::interval)
                RETURNING alert_id
            ), counted AS (INSERT INTO notifier.fan_out (alert_id, version) SELECT alert_id, 1 FROM came)
            INSERT INTO notifier.delivery (alert_id, version, channel_id, channel_name, event, state, delivered_at,
                                           created_at)
            SELECT alert_id, 1, $1, 'sink', 'resolved', 'delivered', now() - $2::interval, now() - $2::interval
            FROM came
            """,
            SINK_CHANNEL_ID,
            timedelta(seconds=seconds),
        )

    return arrive


async def said(pool) -> list[bool]:
    """What was said of the canary: whether it was over, each time."""
    return [row["over"] for row in await pool.fetch("SELECT over FROM notifier.own_trouble ORDER BY id")]


def watching(pool) -> Watch:
    return Watch(pool, Sealer(KEY), timedelta(seconds=300))


async def look(pool, *, running_for: float = 3600) -> Watch:
    """A replica that has run so long looks."""
    watch = watching(pool)
    watch._since = await pool.fetchval("SELECT now() - $1::interval", timedelta(seconds=running_for))
    await watch.look()
    return watch


async def test_a_canary_that_does_not_come_is_lost_once_and_found_once(pool, sink):
    await sink(901)
    first = await look(pool)
    await asyncio.gather(*(look(pool) for _ in range(4)))
    assert (await said(pool), first.arrived_lately) == ([False], False)

    await sink(1)
    found = await look(pool)
    await asyncio.gather(*(look(pool) for _ in range(4)))
    assert (await said(pool), found.arrived_lately) == ([False, True], True)


async def test_one_that_came_within_three_intervals_is_not_lost(pool, sink):
    await sink(890)

    assert (await look(pool)).arrived_lately
    assert await said(pool) == []


async def test_time_that_nobody_ran_is_no_loss(pool, sink):
    await sink(86400)
    watch = await look(pool, running_for=30)
    assert (await said(pool), watch.arrived_lately) == ([], False)

    await look(pool, running_for=901)
    assert await said(pool) == [False]


async def test_the_first_may_take_as_long_as_an_upgrade(pool):
    await look(pool, running_for=7000)
    assert await said(pool) == []

    await look(pool, running_for=7300)
    assert await said(pool) == [False]


async def test_a_lost_canary_is_an_alert_that_ends_when_one_comes(running, pool, sink, client):
    await sink(901)
    await look(pool)

    async def alert():
        answer = await ask(client, ListAlerts(limit=50))
        return None if isinstance(answer, Refusal) else answer.items

    async with running("300"):
        (raised,) = await until(alert)
        assert (raised.kind, raised.host_id, raised.title) == (
            "canary_lost",
            OWN_HOST_ID,
            "keepwatch: the canary did not arrive",
        )

        async def over():
            found = await alert()
            return found and found[0].state == "resolved"

        await until(over, 40)


async def test_what_the_canary_leaves_goes_when_the_stream_has_forgotten_it(pool, sink):
    await sink(9 * 86400 + 1)
    await sink(8 * 86400)
    await retention.remove_some(pool, timedelta(days=90))

    assert await pool.fetchval("SELECT count(*) FROM notifier.delivery") == 1
    assert await pool.fetchval("SELECT count(*) FROM notifier.event") == 1

    await pool.execute(
        """
        INSERT INTO alerts.alert (host_id, host_name, kind, severity, title, first_seen_at, last_seen_at, resolved_at,
                                  resolution)
        SELECT CASE WHEN canary THEN $1 ELSE gen_random_uuid() END, 'x', 'backup_failed', 'warning', 'x', now(), now(),
               now() - make_interval(days => days), 'auto'
        FROM unnest('{t,t,f}'::boolean[], '{10,8,10}'::int[]) AS made (canary, days)
        """,
        CANARY_HOST_ID,
    )
    assert await alerts_retention.remove_canaries(pool, 10) == 1
    assert await pool.fetchval("SELECT count(*) FROM alerts.alert") == 2

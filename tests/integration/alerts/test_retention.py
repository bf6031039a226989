"""What is over goes when it has become too old; what stands stays, and so does what nobody was told yet."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.alerts.queries import retention as queries
from services.alerts.retention import remove_some
from services.alerts.settings import Settings
from shared.asks.alerts import HoldJobs

SETTINGS = Settings(
    database_url="postgresql://x", nats_url="nats://x", keep_alerts_days=100, keep_jobs_days=50, keep_inbox_days=20
)


@pytest.fixture
def aged(alerts):
    """Lets so many days pass for everything, and says that all of it has been published."""

    async def age(days: float, *, published: bool = True) -> None:
        past = timedelta(days=days)
        await alerts.pool.execute("UPDATE alerts.alert SET resolved_at = resolved_at - $1::interval", past)
        await alerts.pool.execute("UPDATE alerts.inbox SET received_at = received_at - $1::interval", past)
        await alerts.pool.execute("UPDATE alerts.evidence SET judged_at = judged_at - $1::interval", past)
        await alerts.pool.execute(
            "UPDATE alerts.alert_event SET at = at - $1::interval,"
            " published_at = CASE WHEN $2 THEN coalesce(published_at, now()) - $1::interval END",
            past, published,
        )  # fmt: skip

    return age


async def everything(alerts, batch: int = 2) -> None:
    while await remove_some(alerts.pool, SETTINGS, batch):
        pass


async def count(alerts, table: str) -> int:
    return await alerts.pool.fetchval(f"SELECT count(*) FROM alerts.{table}")


async def test_old_resolved_alerts_go_with_their_events_and_open_ones_stay_with_theirs(alerts, aged):
    for group in "abcde":
        await alerts.fails(group)
        await alerts.succeeds(group, at=1)
    await alerts.fails("open")
    await aged(101)
    await alerts.fails("young")
    await alerts.succeeds("young", at=1)

    await everything(alerts)

    assert {alert.source_group_name for alert in await alerts.all()} == {"open", "young"}
    assert await alerts.told() == ["raised", "raised", "resolved"]


async def test_what_is_younger_than_the_setting_stays(alerts, aged):
    await alerts.fails()
    await alerts.succeeds(at=1)
    await aged(99)

    await everything(alerts)

    assert await alerts.told() == ["raised", "resolved"]


async def test_an_alert_whose_end_nobody_was_told_stays(alerts, aged):
    await alerts.fails()
    await alerts.succeeds(at=1)
    await aged(101, published=False)

    await everything(alerts)

    assert await alerts.told() == ["raised", "resolved"]


async def test_marks_stay_so_that_old_evidence_remains_history(alerts, aged):
    await alerts.fails()
    await alerts.succeeds(at=10)
    await aged(101)
    await everything(alerts)

    await alerts.fails(at=5)

    assert await alerts.all() == []


async def test_the_inbox_forgets_what_the_stream_forgot_long_before(alerts, aged):
    for group in "abc":
        await alerts.fails(group)
    await aged(21)
    await alerts.fails("d")

    await everything(alerts)

    assert await count(alerts, "inbox") == 1


async def test_evidence_goes_with_its_jobs_but_for_what_raised_a_standing_alert(alerts, aged):
    raised = await alerts.fails("open")
    for group in "abc":
        await alerts.succeeds(group)
    await aged(51)
    young = await alerts.succeeds("young")

    await everything(alerts)

    rows = await alerts.pool.fetch("SELECT job_id FROM alerts.evidence")
    assert {row["job_id"] for row in rows} == {raised.job_id, young.job_id}


async def test_only_standing_alerts_hold_their_jobs(alerts):
    held = await alerts.fails("open")
    over = await alerts.fails("over")
    await alerts.succeeds("over", at=1)

    answer = await alerts.answers.hold_jobs(HoldJobs(job_ids=[held.job_id, over.job_id, uuid4()]))

    assert answer == [held.job_id]


async def test_two_replicas_share_the_work_while_evidence_comes_in(alerts, aged):
    for group in range(40):
        await alerts.fails(str(group))
        await alerts.succeeds(str(group), at=1)
    await aged(101)

    async with asyncio.timeout(30):
        await asyncio.gather(
            everything(alerts), everything(alerts), *(alerts.fails(str(group), at=2) for group in range(40))
        )
        await everything(alerts)

    assert len(await alerts.all()) == len(await alerts.open()) == 40
    assert await alerts.told() == ["raised"] * 40
    assert await count(alerts, "inbox") == 40


async def test_an_alert_that_somebody_holds_is_stepped_past(alerts, aged):
    for group in "ab":
        await alerts.fails(group)
        await alerts.succeeds(group, at=1)
    await aged(101)
    held: UUID = (await alerts.all())[0].id

    async with alerts.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM alerts.alert WHERE id = $1 FOR UPDATE", held)
        async with asyncio.timeout(10):
            assert await queries.remove_alerts(alerts.pool, timedelta(days=100), 10) == (1, 2)

    assert [alert.id for alert in await alerts.all()] == [held]


async def test_a_look_for_nothing_reads_next_to_nothing(alerts):
    for group in range(300):
        await alerts.fails(str(group))
        await alerts.succeeds(str(group), at=1)
    await alerts.pool.execute("ANALYZE alerts.alert, alerts.inbox, alerts.evidence")
    async with alerts.pool.acquire() as connection:

        async def read() -> int:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            return await connection.fetchval(
                """
                SELECT (SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE schemaname = 'alerts')
                     + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE schemaname = 'alerts')
                """
            )

        before = await read()
        assert await remove_some(connection, SETTINGS) is False

        assert await read() - before < 50

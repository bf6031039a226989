"""Old jobs and logs go, and what somebody may still want to see stays; alerts is asked over a real broker."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from faststream.nats import NatsBroker
from nats.aio.client import Client

from services.alerts.answers import Answers
from services.jobs.retention import OldJobs, OldLogs
from shared.bus import open_bus, serve_answers

KEEP = timedelta(days=400)
KEEP_LOGS = timedelta(days=90)


@dataclass
class Past:
    """A host with jobs of long ago."""

    pool: asyncpg.Pool
    client: Client
    host: UUID

    async def group(self, name: str) -> UUID:
        return await self.pool.fetchval(
            "INSERT INTO jobs.source_group (host_id, name, paths) VALUES ($1, $2, '{/}') RETURNING id", self.host, name
        )

    async def job(
        self, days: float, group: UUID | None = None, status: str = "succeeded", *, kind: str = "backup", log: int = 0
    ) -> UUID:
        """A job that was made so many days ago, and ended at once if it ever did, with so many pieces of log."""
        job = await self.pool.fetchval(
            """
            INSERT INTO jobs.job (id, host_id, kind, source_group_id, status, trigger, created_at, finished_at)
            VALUES (uuidv7(-$1::interval), $2, $3, $4, $5, 'manual', now() - $1::interval,
                    CASE WHEN $5 IN ('queued', 'dispatched', 'running') THEN NULL ELSE now() - $1::interval END)
            RETURNING id
            """,
            timedelta(days=days), self.host, kind, group, status,
        )  # fmt: skip
        await self.pool.execute(
            "INSERT INTO jobs.job_log (job_id, start, text)"
            " SELECT $1, n * 4, 'text' FROM generate_series(1, $2::int) AS n",
            job, log,
        )  # fmt: skip
        return job

    async def alert(self, job: UUID, *, resolved: bool = False) -> None:
        """An alert that this job raised."""
        await self.pool.execute(
            """
            INSERT INTO alerts.alert (host_id, host_name, kind, dedup_key, severity, title, first_seen_at, last_seen_at,
                                      raised_job_id, resolved_at, resolution)
            VALUES ($1, 'web-01', 'backup_failed', $2::uuid::text, 'warning', 'failed', now(), now(), $2,
                    CASE WHEN $3 THEN now() END, CASE WHEN $3 THEN 'auto' END)
            """,
            self.host, job, resolved,
        )  # fmt: skip

    async def jobs(self) -> set[UUID]:
        return {row["id"] for row in await self.pool.fetch("SELECT id FROM jobs.job")}

    async def logs(self) -> dict[UUID, int]:
        rows = await self.pool.fetch("SELECT job_id, count(*) AS pieces FROM jobs.job_log GROUP BY 1")
        return {row["job_id"]: row["pieces"] for row in rows}

    def old_jobs(self, batch: int = 3) -> OldJobs:
        """A replica that removes jobs."""
        return OldJobs(self.pool, self.client, KEEP, batch)

    def old_logs(self, batch: int = 3) -> OldLogs:
        return OldLogs(self.pool, self.client, KEEP_LOGS, batch)


async def whole(remover: OldJobs | OldLogs) -> None:
    """One pass from the oldest on."""
    while await remover.remove_some():
        pass


@pytest.fixture
async def alerts_answers(pool, nats_url):
    """alerts at the same broker, as far as it answers."""

    async def nobody() -> None:
        pass

    def subscribe(broker: NatsBroker) -> None:
        serve_answers(broker, "alerts", Answers(pool, nobody).all())

    async with open_bus([nats_url], "alerts", subscribe) as client:
        yield client


@pytest.fixture
async def host(pool) -> UUID:
    return await pool.fetchval("INSERT INTO jobs.host (name) VALUES ('web-01') RETURNING id")


@pytest.fixture
async def past(pool, alerts_answers, host) -> Past:
    return Past(pool, alerts_answers, host)


async def test_jobs_that_ended_long_ago_go_with_their_logs(past):
    group = await past.group("mail")
    old = [await past.job(401 + day, group, log=2) for day in range(10)]
    young = [await past.job(day, group, log=2) for day in (1, 30, 399)]

    await whole(past.old_jobs())

    assert await past.jobs() == set(young)
    assert set(await past.logs()) == set(young)
    assert not set(old) & await past.jobs()


async def test_the_last_job_and_the_last_success_of_a_group_stay_however_old(past):
    mail, etc = await past.group("mail"), await past.group("etc")
    await past.job(1000, mail)
    success = await past.job(900, mail, "warning")
    await past.job(800, mail, "failed")
    failure = await past.job(700, mail, "failed")
    await past.job(650, etc)
    only = await past.job(600, etc)

    await whole(past.old_jobs())

    assert await past.jobs() == {success, failure, only}


async def test_the_last_job_of_each_kind_about_a_repository_stays(past):
    await past.job(900, kind="prune")
    prune = await past.job(800, kind="prune", status="failed")
    check = await past.job(950, kind="check")

    await whole(past.old_jobs())

    assert await past.jobs() == {prune, check}


async def test_a_job_of_a_group_that_is_gone_goes(past):
    await past.job(900)

    await whole(past.old_jobs())

    assert await past.jobs() == set()


async def test_a_job_that_never_ended_stays(past):
    group = await past.group("mail")
    waiting = await past.job(900, group, "queued", log=1)
    newer = await past.job(1, group)

    await whole(past.old_jobs())
    await whole(past.old_logs())

    assert await past.jobs() == {waiting, newer}
    assert waiting in await past.logs()


async def test_jobs_of_standing_alerts_stay_and_do_not_hide_what_is_behind_them(past):
    group = await past.group("mail")
    held = [await past.job(900 - day, group, "failed", log=2) for day in range(7)]
    for job in held:
        await past.alert(job)
    over = await past.job(800, group, "failed", log=2)
    await past.alert(over, resolved=True)
    last = await past.job(700, group, log=2)

    await whole(past.old_jobs(batch=2))
    await whole(past.old_logs(batch=2))

    assert await past.jobs() == {*held, last}
    assert set(await past.logs()) == set(held)


async def test_nothing_goes_while_alerts_does_not_answer(pool, stream, host):
    alone = Past(pool, stream, host)
    group = await alone.group("mail")
    jobs = {await alone.job(900, group, log=1), await alone.job(800, group, log=1)}

    assert await alone.old_jobs().remove_some() is False
    assert await alone.old_logs().remove_some() is False

    assert await alone.jobs() == jobs
    assert set(await alone.logs()) == jobs


async def test_logs_go_before_their_jobs(past):
    group = await past.group("mail")
    old = [await past.job(91 + day, group, log=5) for day in range(4)]
    young = await past.job(89, group, log=5)

    await whole(past.old_logs())

    assert await past.logs() == {young: 5}
    assert await past.jobs() == {*old, young}


async def test_two_replicas_share_the_work_and_neither_waits_for_the_other(past):
    group = await past.group("mail")
    for day in range(60):
        await past.job(401 + day / 10, group, log=2)
    last = await past.job(1, group, log=2)

    async with asyncio.timeout(30):
        await asyncio.gather(*(whole(past.old_logs(5)) for _ in range(2)), *(whole(past.old_jobs(5)) for _ in range(2)))
        await whole(past.old_jobs())

    assert await past.jobs() == {last}
    assert await past.logs() == {last: 2}


async def test_a_job_that_somebody_holds_is_stepped_past(past, pool):
    group = await past.group("mail")
    held, other = await past.job(500, group), await past.job(499, group)
    last = await past.job(1, group)

    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM jobs.job WHERE id = $1 FOR NO KEY UPDATE", held)
        async with asyncio.timeout(10):
            await whole(past.old_jobs())

    assert await past.jobs() == {held, last}
    assert other not in await past.jobs()


async def test_a_look_for_nothing_reads_next_to_nothing(past, pool):
    await past.pool.execute(
        """
        INSERT INTO jobs.job (host_id, kind, status, trigger, finished_at)
        SELECT $1, 'check', 'succeeded', 'manual', now() FROM generate_series(1, 3000)
        """,
        past.host,
    )
    await past.pool.execute("INSERT INTO jobs.job_log (job_id, start, text) SELECT id, 0, 'text' FROM jobs.job")
    await past.pool.execute("ANALYZE jobs.job, jobs.job_log")
    async with pool.acquire() as connection:

        async def read() -> int:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            return await connection.fetchval(
                """
                SELECT (SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE schemaname = 'jobs')
                     + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE schemaname = 'jobs')
                """
            )

        before = await read()
        await OldJobs(connection, past.client, KEEP).remove_some()
        await OldLogs(connection, past.client, KEEP_LOGS).remove_some()

        assert await read() - before < 100


async def test_an_alert_may_hold_a_job_that_jobs_does_not_know(past):
    group = await past.group("mail")
    await past.alert(uuid4())
    await past.job(900, group)
    last = await past.job(1, group)

    await whole(past.old_jobs())

    assert await past.jobs() == {last}

"""The jobs service's own functions on a real database; NATS is away, so only what is committed counts."""

import asyncio
import json
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import pytest
from nats.aio.client import Client

from services.jobs import handlers
from services.jobs.answers import hosts, jobs, schedules, source_groups
from services.jobs.desk import Desk
from services.jobs.dispatch import dispatch
from services.jobs.intake import Intake
from services.jobs.news import News
from shared import agent_protocol as wire
from shared.asks.agents import AgentFinished, AgentHello, AgentStarted
from shared.asks.hosts import CreateHost, GetHost, HostCreate
from shared.asks.jobs import GetJob, JobReport, ReportJobs, RunSourceGroup
from shared.asks.repositories import InlineRepository
from shared.asks.schedules import CreateSchedule, ScheduleCreate
from shared.asks.source_groups import CreateSourceGroup, SourceGroupCreate
from shared.bus import WakeCall
from shared.clock import utc_now
from shared.sealing import Sealer


@dataclass
class Fleet:
    """Hosts, groups and jobs, made and asked for as the gateway does."""

    desk: Desk
    pool: asyncpg.Pool

    async def host(self, name="web-01", *, repository=True, **fields):
        inline = InlineRepository(url="/srv/backup", password="correct horse") if repository else None
        return await hosts.create(self.desk, CreateHost(body=HostCreate(name=name, repository=inline, **fields)))

    async def group(self, host, name="mail", **fields):
        body = SourceGroupCreate(**{"name": name, "paths": ["/var/mail"]} | fields)
        return await source_groups.create(self.desk, CreateSourceGroup(host_id=host.id, body=body))

    async def schedule(self, host, **fields):
        body = ScheduleCreate(**{"kind": "backup", "cron": "0 2 * * *", "timezone": "UTC"} | fields)
        return await schedules.create(self.desk, CreateSchedule(host_id=host.id, body=body))

    async def run(self, group):
        return await jobs.run_group(self.desk, RunSourceGroup(source_group_id=group.id))

    async def job(self, identity: UUID):
        return await jobs.get(self.desk, GetJob(id=identity))

    async def hello(self, host, *, running=(), spooled=(), sent_at=None):
        frame = wire.Hello(
            agent_version="1.0",
            restic_version="0.18.0",
            os="linux",
            engines=["restic"],
            running=list(running),
            spooled=list(spooled),
            sent_at=sent_at or utc_now(),
        )
        return await handlers.agent_hello(self.desk, AgentHello(host_id=host.id, connection_id=uuid4(), frame=frame))

    async def dispatched(self, host, group):
        """A job that was sent to its connected agent."""
        if (await hosts.get(self.desk, GetHost(id=host.id))).status == "never_seen":
            await self.hello(host)
        job = await self.run(group)
        await dispatch(self.desk)
        return job

    async def running(self, host, group):
        """A job that its agent has begun."""
        job = await self.dispatched(host, group)
        frame = wire.JobStarted(job_id=job.id, started_at=utc_now())
        await handlers.agent_started(self.desk, AgentStarted(host_id=host.id, frame=frame))
        return job

    async def ends(self, host, job_id, status="succeeded", **fields):
        frame = wire.JobFinished(
            **{"job_id": job_id, "status": status, "finished_at": utc_now(), "sent_at": utc_now()} | fields
        )
        return await handlers.agent_finished(self.desk, AgentFinished(host_id=host.id, frame=frame))

    async def report(self, *reports, **fields):
        return await self.desk.intake.submit(ReportJobs(reports=[JobReport(**report) for report in reports], **fields))

    async def said(self, subject=None):
        """What the outbox holds, in order."""
        rows = await self.pool.fetch("SELECT subject, payload FROM jobs.outbox ORDER BY id")
        return [json.loads(row["payload"]) for row in rows if subject in {None, row["subject"]}]


def desk_of(pool) -> Desk:
    away = Client()
    news = News(lambda: away, WakeCall("wake.jobs"), asyncio.Event())
    return Desk(pool, Sealer("a secret key of at least 32 characters"), news, Intake(pool))


@pytest.fixture
async def fleet(pool):
    desk, stop = desk_of(pool), asyncio.Event()
    intake = asyncio.create_task(desk.intake.run(desk.news, stop))
    yield Fleet(desk, pool)
    stop.set()
    await intake


@pytest.fixture
def backup():
    """A report of a backup, to be varied."""

    def make(**fields):
        return {"host": "web-01", "kind": "backup", "source_group": "mail", "status": "failed"} | fields

    return make

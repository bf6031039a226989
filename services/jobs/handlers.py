"""What agents say, one function per frame: decided and saved in one transaction, told after it."""

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from services.jobs import rules, traces
from services.jobs.desk import Desk
from services.jobs.finish import finish_jobs
from services.jobs.model import End, FinishedJob, SilentJob
from services.jobs.queries import agents as queries
from services.jobs.queries import finish as finish_queries
from services.jobs.queries import outbox, presence, repositories
from shared import agent_protocol as wire
from shared.asks import agents as asks
from shared.asks.fields import TEXT_BYTES
from shared.db import Connection, in_transaction
from shared.events import HostOnline, JobUpdated
from shared.refusal import Refusal
from shared.vocabulary import JobStatus

log = structlog.get_logger()
GAP = timedelta(seconds=30)
"""A pause of ours, or of every gateway, after which silence is counted anew."""


async def agent_hello(desk: Desk, ask: asks.AgentHello) -> Refusal | None:
    """The agent is connected: what it no longer has is lost, what waits for it goes out."""

    async def work(tx: Connection) -> list[FinishedJob] | None:
        if not await finish_queries.lock_hosts(tx, [ask.host_id]):
            return None
        heard_before = await queries.greet(tx, ask.host_id, ask.connection_id, ask.frame)
        missed = await queries.missed_by(tx, ask.host_id, ask.frame, rules.HELLO_OVERLAP)
        ended = await finish_jobs(tx, [_gone(job, heard_before) for job in missed])
        await queries.resend_soon(tx, ask.host_id)
        await _say_online(tx, [ask.host_id])
        return ended

    ended = await in_transaction(desk.pool, work)
    if ended is None:
        return Refusal.not_found("host")
    log.info("agent connected", host_id=str(ask.host_id), lost=[str(job.id) for job in ended])
    await desk.news.finished(ended)
    await desk.news.host(ask.host_id)
    await desk.news.made()
    return None


def _gone(job: SilentJob, heard_before: datetime | None) -> End:
    last_sign_at = max(job.last_sign_at, heard_before) if heard_before else job.last_sign_at
    return rules.lost(job.id, last_sign_at, "The agent came back without this job: it was killed or lost its state.")


async def agent_started(desk: Desk, ask: asks.AgentStarted) -> None:
    """A job runs."""
    frame = ask.frame

    async def work(tx: Connection) -> queries.RunningJob | None:
        if frame.restic_id:
            await repositories.note_restic_id(tx, frame.job_id, ask.host_id, frame.restic_id)
        return await queries.started(tx, ask.host_id, frame.job_id, rules.moment(frame.started_at))

    if running := await in_transaction(desk.pool, work):
        log.info("job started", job_id=str(frame.job_id), host_id=str(ask.host_id))
        await desk.news.hint(_running(ask.host_id, frame.job_id, running.source_group_id))


async def agent_progress(desk: Desk, ask: asks.AgentProgress) -> None:
    """A job goes on; more often than once a second is not kept."""
    frame = ask.frame
    progress = {"percent": frame.percent, "bytes_done": frame.bytes_done, "files_done": frame.files_done}
    if going := await queries.progressed(desk.pool, ask.host_id, frame.job_id, progress):
        await desk.news.hint(_running(ask.host_id, frame.job_id, going.source_group_id, progress))


def _running(host: UUID, job: UUID, group: UUID | None, progress: dict[str, Any] | None = None) -> JobUpdated:
    return JobUpdated(job_id=job, host_id=host, source_group_id=group, status=JobStatus.RUNNING, progress=progress)


async def agent_log(desk: Desk, ask: asks.AgentLog) -> None:
    """A piece of a job's log; what is known already changes nothing."""
    text = ask.frame.text.encode(errors="replace")
    await queries.append_log(desk.pool, ask.host_id, ask.frame.job_id, max(ask.frame.offset, 0), text)


async def agent_finished(desk: Desk, ask: asks.AgentFinished) -> Refusal | None:
    """A job has ended; answered after the commit, also when it is no news, so that the agent may forget it."""
    frame, begun = ask.frame, time.time()

    async def work(tx: Connection) -> list[FinishedJob] | Refusal:
        owner = await queries.host_of_job(tx, frame.job_id)
        if owner not in {None, ask.host_id}:
            return Refusal.forbidden("This job belongs to another host.")
        if frame.restic_id:
            await repositories.note_restic_id(tx, frame.job_id, ask.host_id, frame.restic_id)
        return await finish_jobs(tx, [_told(frame)])

    ended = await in_transaction(desk.pool, work)
    if isinstance(ended, Refusal):
        log.warning("job of another host", job_id=str(frame.job_id), host_id=str(ask.host_id))
        return ended
    outcome = str(frame.status) if ended else "known or gone"
    log.info("job finished", job_id=str(frame.job_id), host_id=str(ask.host_id), outcome=outcome)
    traces.tell(ended, begun)
    if ended:
        await desk.news.finished(ended)
    return None


def _told(frame: wire.JobFinished) -> End:
    return End(
        job_id=frame.job_id,
        status=JobStatus(frame.status),
        message=storable(frame.message),
        error_class=frame.error_class,
        exit_code=frame.exit_code,
        summary=storable(frame.summary),
        started_at=rules.moment(frame.started_at) if frame.started_at else None,
        finished_at=rules.moment(frame.finished_at),
        sent_at=rules.moment(frame.sent_at),
    )


def storable(value: Any) -> Any:
    """The same, as PostgreSQL can keep it and not larger than is useful: an agent must not fail over its wording."""
    match value:
        case str():
            return value.replace("\0", "�").encode(errors="replace")[:TEXT_BYTES].decode(errors="ignore")
        case float() if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124  NaN is not itself
            return None
        case dict():
            return {storable(str(key)): storable(item) for key, item in value.items()}
        case list():
            return [storable(item) for item in value]
        case _:
            return value


async def agents_alive(desk: Desk, alive: asks.AgentsAlive) -> None:
    """A gateway lives, and so do these hosts' agents."""

    async def work(tx: Connection) -> bool:
        await presence.beat_of_gateway(tx, GAP)
        if not alive.host_ids:
            return False
        await queries.heard(tx, alive.host_ids)
        return await _say_online(tx, alive.host_ids)

    if await in_transaction(desk.pool, work):
        await desk.news.said()
        await desk.news.host(*alive.host_ids)


async def _say_online(tx: Connection, host_ids: list[UUID]) -> bool:
    """Say `host.online` of those that were announced offline; whether there was one."""
    back = await queries.back_online(tx, host_ids)
    events = [
        HostOnline(
            event_id=uuid4(),
            host_id=host.id,
            host_name=host.name,
            host_labels=host.labels,
            version=host.version,
            evidence_at=host.at,
        )
        for host in back
    ]
    if events:
        await outbox.say(tx, [event.host_id for event in events], events)
        log.info("hosts online again", hosts=[host.name for host in back])
    return bool(back)

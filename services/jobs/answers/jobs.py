"""Jobs: made by hand, shown, cancelled, reported, and what a synthetic one is said to have done."""

import asyncio
from uuid import UUID, uuid4

import structlog

from services.jobs import rules
from services.jobs.desk import Desk
from services.jobs.finish import finish_jobs
from services.jobs.model import End, FinishedJob
from services.jobs.queries import finish as finish_queries
from services.jobs.queries import hosts, outbox
from services.jobs.queries import jobs as queries
from shared import cursor
from shared.asks import jobs as asks
from shared.asks.ask import Page
from shared.bus import refusal_of
from shared.db import Connection, in_transaction
from shared.events import JobFinished
from shared.refusal import Refusal
from shared.vocabulary import AlertKind, JobKind, JobStatus, TerminalStatus

log = structlog.get_logger()
LOG_SLICE = 1024 * 1024


async def run_group(desk: Desk, ask: asks.RunSourceGroup) -> asks.Job | Refusal:
    """Back this group up now."""
    return await _make(desk, JobKind.BACKUP, None, ask.source_group_id)


async def create(desk: Desk, ask: asks.CreateJob) -> asks.Job | Refusal:
    """Run this at a host now."""
    return await _make(desk, ask.body.kind, ask.host_id, ask.body.source_group_id)


async def _make(desk: Desk, kind: JobKind, host: UUID | None, group: UUID | None) -> asks.Job | Refusal:
    job = await in_transaction(desk.pool, lambda tx: _insert(tx, kind, host, group))
    if isinstance(job, asks.Job):
        log.info("job made", job_id=str(job.id), kind=kind, host_id=str(job.host_id), source_group_id=str(group))
        await desk.news.made(job)
    return job


async def _insert(tx: Connection, kind: JobKind, host: UUID | None, group: UUID | None) -> asks.Job | Refusal:
    target = await queries.lock_target(tx, host, group)
    if target is None:
        return Refusal.not_found("host" if host else "source group")
    if group and target.group_name is None:
        return Refusal.invalid(("/source_group_id", "is no source group of this host"))
    if why_not := rules.why_not_to_run(
        kind,
        engine=target.engine,
        paths=target.paths,
        repository=target.repository_id is not None,
        retentions=target.retentions,
    ):
        return Refusal.conflict(why_not)
    if rival := await queries.unfinished(tx, target.host_id, kind, group):
        return Refusal.conflict(f"An unfinished {kind} of the same is there already.", job_id=str(rival))
    identity = await queries.insert(tx, kind, group, target)
    return await queries.find(tx, identity) or Refusal.not_found("job")


async def list_newest(desk: Desk, ask: asks.ListJobs) -> Page[asks.Job] | Refusal:
    """A page of jobs."""
    before = cursor.decode_time_and_id(ask.cursor)
    if isinstance(before, Refusal):
        return before
    found = await queries.newest(desk.pool, ask, before)
    return cursor.page(found, ask.limit, lambda job: (job.created_at, job.id))


async def get(desk: Desk, ask: asks.GetJob) -> asks.Job | Refusal:
    """One job."""
    return await queries.find(desk.pool, ask.id) or Refusal.not_found("job")


async def past_runs(desk: Desk, ask: asks.TellPastRuns) -> list[asks.PastRun]:
    """How the last runs of the same went."""
    if ask.source_group_id:
        found = await queries.past_runs_of_group(desk.pool, ask.source_group_id, ask.count)
    else:
        found = await queries.past_runs_of_kind(desk.pool, ask.host_id, ask.kind, ask.count)
    return found[::-1]


async def cancel(desk: Desk, ask: asks.CancelJob) -> asks.Job | Refusal:
    """Stop a job: one that still waits is cancelled at once, otherwise the agent says how it ended."""

    async def work(tx: Connection) -> tuple[asks.Job | None, list[FinishedJob]] | Refusal:
        await finish_queries.lock_hosts_of_jobs(tx, [ask.id])
        standing = (await finish_queries.lock_jobs(tx, [ask.id])).get(ask.id)
        if standing is None:
            return Refusal.not_found("job")
        if standing.status.finished:
            return Refusal.conflict(f"The job has finished: it {_ended(standing.status)}.", job_id=str(ask.id))
        ended: list[FinishedJob] = []
        if standing.status is JobStatus.QUEUED:
            ended = await finish_jobs(tx, [End(ask.id, JobStatus.CANCELLED, message="cancelled before it began")])
        else:
            await queries.request_cancel(tx, ask.id)
        return await queries.find(tx, ask.id), ended

    done = await in_transaction(desk.pool, work)
    if isinstance(done, Refusal):
        return done
    job, ended = done
    log.info("job cancelled", job_id=str(ask.id), at_once=bool(ended))
    if ended:
        await desk.news.finished(ended)
    else:
        await desk.news.made()
    return job or Refusal.not_found("job")


def _ended(status: JobStatus) -> str:
    words = {JobStatus.WARNING: "succeeded with warnings", JobStatus.CANCELLED: "was cancelled"}
    return words.get(status, f"was {status}" if status is JobStatus.SKIPPED else str(status))


async def read_log(desk: Desk, ask: asks.ReadLog) -> asks.LogText | Refusal:
    """A slice of a job's log."""
    total = await queries.log_length(desk.pool, ask.id)
    if total is None:
        return Refusal.not_found("job")
    start = max(total + ask.start, 0) if ask.start < 0 else min(ask.start, total)
    end = min(total if ask.end is None else ask.end, total, start + LOG_SLICE)
    text = await queries.log_slice(desk.pool, ask.id, start, end) if end > start else b""
    return asks.LogText(text=text, total=total)


async def report(desk: Desk, ask: asks.ReportJobs) -> asks.Accepted | Refusal:
    """Jobs that ran elsewhere."""
    return await desk.intake.submit(ask)


async def report_together(desk: Desk, ask: asks.ReportTogether) -> list[asks.Accepted | Refusal]:
    """The same for several requests; one that fails leaves the others alone."""
    found = await asyncio.gather(*map(desk.intake.submit, ask.requests), return_exceptions=True)
    return [refusal_of(ask, each) if isinstance(each, BaseException) else each for each in found]


async def tell_synthetic(desk: Desk, ask: asks.TellSynthetic) -> Refusal | None:
    """Say `job.finished` of a job that never was."""
    body = ask.body
    if body.kind not in set(rules.SYNTHETIC_KINDS):
        kinds = ", ".join(rules.SYNTHETIC_KINDS)
        return Refusal.invalid(("/kind", f"must be one of {kinds}: the kinds that jobs raise"))

    async def work(tx: Connection) -> Refusal | None:
        identity = await hosts.id_of_name(tx, body.host)
        if identity is None or not await finish_queries.lock_hosts(tx, [identity]):
            return Refusal.invalid(("/host", "is not a known host"))
        host = await hosts.find(tx, identity)
        kind, status = rules.SYNTHETIC_KINDS[AlertKind(body.kind)]
        event = JobFinished(
            event_id=uuid4(),
            job_id=None,
            host_id=identity,
            host_name=host.name if host else body.host,
            host_labels=host.labels if host else {},
            kind=kind,
            source_group_id=None,
            source_group_name=None,
            dedup_key=body.dedup_key,
            status=TerminalStatus.SUCCEEDED if body.resolve else TerminalStatus(status),
            message=body.message or "A synthetic alert: nothing is broken.",
            evidence_at=await finish_queries.clock(tx),
            synthetic=True,
        )
        await outbox.say(tx, [identity], [event])
        return None

    refusal = await in_transaction(desk.pool, work)
    if refusal is None:
        log.info("synthetic event said", host=body.host, kind=body.kind, resolve=body.resolve)
        await desk.news.said()
    return refusal

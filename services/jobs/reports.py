"""Reports of jobs that ran elsewhere: judged as a batch, and each request carried out as a whole or not at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from services.jobs import rules
from services.jobs.finish import record_reports
from services.jobs.model import End, FinishedJob, ReportedJob
from services.jobs.queries import finish as finish_queries
from services.jobs.queries import reports as queries
from shared.asks.jobs import Accepted, JobReport, ReportJobs
from shared.db import Connection
from shared.ids import uuid7
from shared.own_host import OWN_HOST_NAME
from shared.refusal import Refusal
from shared.vocabulary import JobStatus, JobTrigger

SHOWN_ERRORS = 50


@dataclass(frozen=True)
class Line:
    """One report of a request, and the id its job will have."""

    job_id: UUID
    report: JobReport
    pointer: str
    """Where in the request's body it stands."""


@dataclass
class Known:
    """What the database knows of all that the reports name."""

    names: dict[str, UUID] = field(default_factory=dict)
    hosts: set[UUID] = field(default_factory=set)
    groups: dict[tuple[UUID, str], UUID] = field(default_factory=dict)
    hosts_of_groups: dict[UUID, UUID] = field(default_factory=dict)
    jobs: dict[UUID, tuple[UUID, str]] = field(default_factory=dict)
    claimed: dict[UUID, UUID | str] = field(default_factory=dict)
    """Ids that requests of this batch use, and for which host."""

    def host_of(self, ask: ReportJobs, report: JobReport) -> UUID | None:
        """The host that a report is about; null when there is none (yet)."""
        named = self.names.get(report.host) if report.host is not None else report.host_id or ask.agent_host_id
        return named if named in self.hosts else None


async def apply_reports(
    tx: Connection, asks: Sequence[ReportJobs]
) -> tuple[list[Accepted | Refusal], list[FinishedJob]]:
    """What to answer to each of these requests once the transaction is committed, and the jobs that are new."""
    requests = [(ask, _lines(ask)) for ask in asks]
    known = await _look_up(tx, requests)
    received = await finish_queries.clock(tx)
    answers: list[Accepted | Refusal] = []
    good: list[tuple[ReportJobs, list[Line]]] = []
    for ask, lines in requests:
        refusal = _judge(ask, lines, known)
        answers.append(refusal or Accepted(accepted=len(lines), ids=[line.job_id for line in lines]))
        if refusal is None:
            good.append((ask, lines))
    await _create_missing(tx, good, known)
    new = list(_new_jobs(good, known, received))
    finished = await record_reports(tx, new)
    if len(finished) != len(new):
        # Another host's report took one of the ids a moment ago: look again, and refuse it this time.
        raise asyncpg.SerializationError("a job id was taken meanwhile")
    return answers, finished


def _lines(ask: ReportJobs) -> list[Line]:
    return [
        Line(report.id or uuid7(), report, "" if ask.single else f"/reports/{index}")
        for index, report in enumerate(ask.reports)
    ]


async def _look_up(tx: Connection, requests: Sequence[tuple[ReportJobs, list[Line]]]) -> Known:
    known = Known()
    reports = [line.report for _, lines in requests for line in lines]
    # First: whoever wrote one of these jobs meanwhile made its host before, so a job that is known has a host that is.
    known.jobs = await queries.known_jobs(tx, [report.id for report in reports if report.id])
    known.names = await queries.hosts_named(tx, list({report.host for report in reports if report.host is not None}))
    ids = set(known.names.values()) | {report.host_id for report in reports if report.host_id}
    ids |= {ask.agent_host_id for ask, _ in requests if ask.agent_host_id}
    known.hosts = await finish_queries.lock_hosts(tx, list(ids))
    await _look_up_groups(tx, requests, known)
    return known


async def _look_up_groups(tx: Connection, requests: Sequence[tuple[ReportJobs, list[Line]]], known: Known) -> None:
    named = {
        (host, line.report.source_group)
        for ask, lines in requests
        for line in lines
        if line.report.source_group is not None and (host := known.host_of(ask, line.report))
    }
    if named:
        known.groups |= await queries.groups_named(tx, [host for host, _ in named], [name for _, name in named])
    by_id = {line.report.source_group_id for _, lines in requests for line in lines if line.report.source_group_id}
    if by_id:
        known.hosts_of_groups = await queries.hosts_of_groups(tx, list(by_id))


def _judge(ask: ReportJobs, lines: Sequence[Line], known: Known) -> Refusal | None:
    """Why the request can't be carried out; otherwise its ids are claimed for it."""
    if ask.agent_host_id and any(_foreign(ask, line.report, known) for line in lines):
        return Refusal.forbidden("An agent's token may report for its own host only.")
    errors = [error for line in lines for error in _errors(ask, line, known)]
    if errors:
        return Refusal.invalid(*errors[:SHOWN_ERRORS])
    claims: dict[UUID, UUID | str] = {}
    for line in lines:
        about = _about(ask, line.report, known)
        if conflict := _id_conflict(line, about, known, claims):
            return conflict
        claims[line.job_id] = about
    known.claimed |= claims
    return None


def _foreign(ask: ReportJobs, report: JobReport, known: Known) -> bool:
    names_one = report.host is not None or report.host_id is not None
    return names_one and known.host_of(ask, report) != ask.agent_host_id


def _about(ask: ReportJobs, report: JobReport, known: Known) -> UUID | str:
    """The host, or the name of the one that will be made."""
    return known.host_of(ask, report) or (report.host or "").lower()


def _errors(ask: ReportJobs, line: Line, known: Known) -> Iterator[tuple[str, str]]:
    report, host = line.report, known.host_of(ask, line.report)
    if host is None:
        if problem := _host_problem(ask, report):
            yield line.pointer + problem[0], problem[1]
            return
        if report.source_group_id:
            yield f"{line.pointer}/source_group_id", "is no source group of this host"
    elif report.source_group_id:
        if known.hosts_of_groups.get(report.source_group_id) != host:
            yield f"{line.pointer}/source_group_id", "is no source group of this host"
    elif report.source_group is not None and not ask.create and (host, report.source_group) not in known.groups:
        yield f"{line.pointer}/source_group", "is no source group of this host"


def _host_problem(ask: ReportJobs, report: JobReport) -> tuple[str, str] | None:
    if report.host_id:
        return "/host_id", "is not a known host"
    if report.host is None:
        return "/host", "is required"
    if report.host.casefold() == OWN_HOST_NAME:
        return "/host", f"'{OWN_HOST_NAME}' is reserved"
    return None if ask.create else ("/host", "is not a known host")


def _id_conflict(line: Line, about: UUID | str, known: Known, claims: dict[UUID, UUID | str]) -> Refusal | None:
    host, trigger = known.jobs.get(line.job_id, (None, None))
    if trigger and (trigger != JobTrigger.REPORT or host != about):
        whose = "another host's job" if host != about else "a job that an agent ran"
        return Refusal.conflict(f"{line.pointer or '/'}: the id {line.job_id} is {whose}.", job_id=str(line.job_id))
    claimed = claims.get(line.job_id) or known.claimed.get(line.job_id)
    if claimed and claimed != about:
        return Refusal.conflict(f"{line.pointer}: the id {line.job_id} is used for two hosts.", job_id=str(line.job_id))
    return None


async def _create_missing(tx: Connection, good: Sequence[tuple[ReportJobs, list[Line]]], known: Known) -> None:
    lines = [(ask, line.report) for ask, lines in good for line in lines]
    names = {report.host for ask, report in lines if report.host is not None and not known.host_of(ask, report)}
    if names:
        await queries.create_hosts(tx, list(names))
        known.names |= await queries.hosts_named(tx, list(names))
        known.hosts |= await finish_queries.lock_hosts(tx, [known.names[name] for name in names])
    groups = {
        (host, report.source_group)
        for ask, report in lines
        if report.source_group is not None and (host := known.host_of(ask, report))
    } - known.groups.keys()
    if groups:
        hosts, called = [host for host, _ in groups], [name for _, name in groups]
        await queries.create_groups(tx, hosts, called)
        known.groups |= await queries.groups_named(tx, hosts, called)


def _new_jobs(good: Sequence[tuple[ReportJobs, list[Line]]], known: Known, received: datetime) -> Iterator[ReportedJob]:
    """The jobs to write; a report whose id is known already has had its effect."""
    wanted: dict[UUID, tuple[UUID, UUID | None, Line, End]] = {}
    for ask, lines in good:
        for line in lines:
            host = known.host_of(ask, line.report)
            if host and line.job_id not in known.jobs and line.job_id not in wanted:
                wanted[line.job_id] = host, _group_of(host, line.report, known), line, _end(line, received)
    times = rules.in_array_order(
        ((host, line.report.kind, group), rules.evidence_at(received, end))
        for host, group, line, end in wanted.values()
    )
    for position, ((host, group, line, end), at) in enumerate(zip(wanted.values(), times, strict=True)):
        # Lists are by created_at: the last of the array is the newest.
        created_at = received - timedelta(microseconds=len(wanted) - position)
        yield ReportedJob(line.job_id, host, line.report.kind, group, end, created_at, at)


def _group_of(host: UUID, report: JobReport, known: Known) -> UUID | None:
    return known.groups[host, report.source_group] if report.source_group is not None else report.source_group_id


def _end(line: Line, received: datetime) -> End:
    report = line.report
    return End(
        job_id=line.job_id,
        status=JobStatus(report.status),
        message=report.message,
        error_class=report.error_class,
        exit_code=report.exit_code,
        summary=report.summary,
        started_at=report.started_at,
        finished_at=report.finished_at or report.sent_at or received,
        sent_at=report.sent_at,
    )

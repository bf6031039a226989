"""Routes of jobs, and reports of jobs that ran elsewhere."""

import asyncio
import time
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from opentelemetry.trace import SpanKind
from pydantic import Field
from pydantic_core import from_json

from services.api.auth import Identity
from services.api.errors import Problem, pointer
from services.api.owners import Owners
from services.api.parsing import Given, Id, PageQuery, Query, Time, parse_body, parse_query
from services.api.reporting import Reporting
from shared.asks.alerts import JudgeEvidence
from shared.asks.ask import Page
from shared.asks.fields import Body
from shared.asks.jobs import (
    MAX_REPORTS,
    Accepted,
    CancelJob,
    CreateJob,
    GetJob,
    Job,
    JobCreate,
    JobReport,
    ListJobs,
    ReportJobs,
    RunSourceGroup,
)
from shared.refusal import Refusal
from shared.tracing import tracing
from shared.vocabulary import JobKind, JobStatus, Role


class JobQuery(PageQuery):
    """Filters of jobs; `since` inclusive, `until` exclusive, by when the job was made."""

    host_id: list[UUID] = []
    kind: list[JobKind] = []
    status: list[JobStatus] = []
    source_group_id: list[UUID] = []
    since: Time | None = None
    until: Time | None = None


class ReportQuery(Query):
    """`create=1` makes unknown hosts and groups."""

    create: bool = False


class JobReports(Body):
    """Many reports, all or nothing."""

    reports: Annotated[list[JobReport], Field(min_length=1, max_length=MAX_REPORTS)]


@post("/source-groups/{source_group_id:uuid}/run", role=Role.OPERATOR, status_code=202)
async def run_source_group(owners: Given[Owners], source_group_id: Id) -> Job:
    """Back up a source group now."""
    return await owners.ask(RunSourceGroup(source_group_id=source_group_id))


@post("/hosts/{host_id:uuid}/jobs", role=Role.OPERATOR, status_code=202)
async def create_job(owners: Given[Owners], host_id: Id, payload: Given[JobCreate]) -> Job:
    """Run a job on a host now."""
    return await owners.ask(CreateJob(host_id=host_id, body=payload))


@post("/jobs/{job_id:uuid}/cancel", role=Role.OPERATOR, status_code=202)
async def cancel_job(owners: Given[Owners], job_id: Id) -> Job:
    """Cancel a job; once it runs, the agent's end state wins."""
    return await owners.ask(CancelJob(id=job_id))


@get("/jobs", role=Role.VIEWER)
async def list_jobs(owners: Given[Owners], asked: Given[JobQuery]) -> Page[Job]:
    """List jobs, newest first."""
    page = await owners.ask(
        ListJobs(
            host_ids=asked.host_id,
            kinds=asked.kind,
            statuses=asked.status,
            source_group_ids=asked.source_group_id,
            since=asked.since,
            until=asked.until,
            limit=asked.limit,
            cursor=asked.cursor,
        )
    )
    judged = await _judged(owners, page.items)
    return Page(items=judged, next_cursor=page.next_cursor)


@get("/jobs/{job_id:uuid}", role=Role.VIEWER)
async def get_job(owners: Given[Owners], job_id: Id) -> Job:
    """Show a job."""
    judging = owners.ask_secondary(JudgeEvidence(job_ids=[job_id]))
    job, found = await asyncio.gather(owners.ask(GetJob(id=job_id)), judging)
    return job.model_copy(update={"evidence": (found or {}).get(job_id)})


async def _judged(owners: Owners, jobs: list[Job]) -> list[Job]:
    finished = [job.id for job in jobs if job.status.finished]
    if not finished:
        return jobs
    found = await owners.ask_secondary(JudgeEvidence(job_ids=finished)) or {}
    return [job.model_copy(update={"evidence": found.get(job.id)}) for job in jobs]


@post(
    "/job-reports", role=Role.OPERATOR, agents=True, status_code=202, payload=JobReport | JobReports, asked=ReportQuery
)
async def report_jobs(request: Request[Identity, Any, Any], reporting: Given[Reporting]) -> Accepted:
    """Report one job or up to 1000 that ran outside an agent; answered once they are committed, all or none."""
    # Read here, not by a second parameter that is given: for several Litestar starts a group of tasks each time.
    asked = parse_query(ReportQuery, request.scope["query_string"])
    identity = request.user
    if identity.agent and asked.create:
        raise Problem(Refusal.forbidden("An agent's token makes no hosts and groups."))
    raw = await request.body()
    single = not _has_reports(raw)
    reports = [parse_body(JobReport, raw)] if single else parse_body(JobReports, raw).reports
    named = [
        _with_host(report, identity, "" if single else pointer("reports", str(n))) for n, report in enumerate(reports)
    ]
    begun = time.time()
    accepted = await reporting.report(
        ReportJobs(
            reports=named,
            create=asked.create,
            agent_host_id=identity.id if identity.agent else None,
            single=single,
        ),
        size=len(raw),
    )
    for job in accepted.ids if tracing.on else ():
        tracing.part(job, "POST /api/v1/job-reports", begun, SpanKind.SERVER)
    return accepted


def _has_reports(raw: bytes) -> bool:
    try:
        found = from_json(raw or b"{}")
    except ValueError:
        return False
    return isinstance(found, dict) and "reports" in found


def _with_host(report: JobReport, identity: Identity, place: str) -> JobReport:
    if report.host is not None or report.host_id is not None:
        return report
    if not identity.agent:
        raise Problem(Refusal.invalid((place + "/host", "a report names its host by host or host_id")))
    return report.model_copy(update={"host_id": identity.id})


ROUTES = [run_source_group, create_job, cancel_job, list_jobs, get_job, report_jobs]

"""One job: how far it is, what it says, what its end did, and how it compares with the runs before."""

import asyncio
import json
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template

from services.api.forms import read_own_form
from services.api.owners import Owners
from services.api.pages import summaries, wording
from services.api.pages.clicks import acted, by_htmx
from services.api.pages.frame import FromUser, page
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from shared.asks.alerts import AlertOfJob, JudgeEvidence, ListAlertsOfJob
from shared.asks.demo import DEMO
from shared.asks.jobs import CancelJob, GetJob, Job, LogText, PastRun, ReadLog, TellPastRuns
from shared.asks.repositories import GetRepository, Repository
from shared.asks.source_groups import ListSourceGroups
from shared.vocabulary import JobKind, JobStatus, Role

TAIL_BYTES = 64 * 1024
FEWEST_RUNS = 2
MOST_GROUPS = 200


@get("/jobs/{job_id:uuid}", role=Role.VIEWER)
async def job_page(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], job_id: Id) -> Template:
    """Show a job."""
    job = await owners.ask(GetJob(id=job_id))
    judged, alerts, repository, names = await asyncio.gather(
        _evidence(owners, job), _alerts(owners, job), _repository(owners, job), _group_names(owners, job)
    )
    # A refresh asks for the live part alone: the log goes on by itself, and the past does not change.
    log, runs = (None, []) if by_htmx(request) else await asyncio.gather(_log(owners, job_id), _past_runs(owners, job))
    context = {
        "job": job,
        "evidence": judged,
        "seconds": _seconds(job, judged),
        "alerts": alerts,
        "repository": repository,
        "facts": summaries.facts(job.summary, names),
        "raw": job.summary and json.dumps(job.summary, indent=2, ensure_ascii=False),
        "log": log,
        "log_text": log and _readable(log),
        "runs": runs if len(runs) >= FEWEST_RUNS else [],
        "sized": any(run.bytes_processed is not None for run in runs),
    }
    return page("job.html", request, sessions, context)


def _seconds(job: Job, judged: str) -> int:
    """How often to look again, beside what is announced: that a job has been judged is not."""
    if not job.status.finished:
        return 10
    return 2 if judged == wording.NOT_JUDGED else 60


async def _evidence(owners: Owners, job: Job) -> str:
    if not job.status.finished:
        return ""
    found = await owners.ask_secondary(JudgeEvidence(job_ids=[job.id]))
    if found == {} and (job.summary or {}).get(DEMO) is True:
        return wording.NEVER_JUDGED
    return wording.evidence((found or {}).get(job.id), judge_away=found is None)


async def _alerts(owners: Owners, job: Job) -> list[AlertOfJob]:
    if not job.status.finished:
        return []
    question = ListAlertsOfJob(
        job_id=job.id,
        host_id=job.host_id,
        kind=job.kind,
        source_group_id=job.source_group_id,
        status=job.status,
        created_at=job.created_at,
    )
    return await owners.ask_secondary(question) or []


async def _repository(owners: Owners, job: Job) -> Repository | None:
    if job.repository_id is None:
        return None
    return await owners.ask_secondary(GetRepository(id=job.repository_id))


async def _group_names(owners: Owners, job: Job) -> dict[str, str]:
    """What a forget calls by ids."""
    if job.kind is not JobKind.FORGET or not job.summary:
        return {}
    found = await owners.ask_secondary(ListSourceGroups(host_id=job.host_id, limit=MOST_GROUPS))
    return {str(group.id): group.name for group in found.items} if found else {}


async def _log(owners: Owners, job_id: UUID) -> LogText | None:
    return await owners.ask_secondary(ReadLog(id=job_id, start=-TAIL_BYTES))


def _readable(log: LogText) -> str:
    """The end of a log, from the beginning of a line on."""
    text = log.text if log.total <= len(log.text) else log.text.partition(b"\n")[2]
    return text.decode(errors="replace")


async def _past_runs(owners: Owners, job: Job) -> list[PastRun]:
    if job.kind is JobKind.BACKUP and job.source_group_id is None:
        return []
    question = TellPastRuns(host_id=job.host_id, kind=job.kind, source_group_id=job.source_group_id)
    return await owners.ask_secondary(question) or []


@post("/jobs/{job_id:uuid}/cancel", role=Role.OPERATOR, status_code=303)
async def cancel(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], job_id: Id) -> Response[Any]:
    """Stop a job; once it runs, the agent says how it ended."""
    await read_own_form(request, sessions.csrf_key)
    job = await owners.ask_to_the_end(CancelJob(id=job_id))
    shown = "Cancelled." if job.status is JobStatus.CANCELLED else "The agent is asked to stop it."
    return acted(request, f"/jobs/{job_id}", shown)


ROUTES = [job_page, cancel]

"""The loop that sends jobs to their agents, again and again until they say that they began, and cancels likewise."""

from datetime import timedelta

import structlog

from services.jobs.desk import Desk
from services.jobs.finish import finish_jobs
from services.jobs.model import Dispatch, End, FinishedJob
from services.jobs.queries import agents as queries
from services.jobs.sealed import purpose
from shared import agent_protocol as wire
from shared.db import Connection, in_transaction
from shared.sealing import SealBrokenError, Sealer
from shared.vocabulary import Engine, JobStatus, RepositorySource

log = structlog.get_logger()
POLL_SECONDS = 2.0
AGAIN_AFTER = timedelta(seconds=6)
BEGINS_WITHIN = timedelta(seconds=20)
"""An online agent that is told to cancel a job answers within this, if it ever began it."""
BATCH = 100


async def dispatch(desk: Desk) -> bool:
    """Send what is due to agents that are online; whether more may wait."""
    due = await in_transaction(desk.pool, lambda tx: queries.claim_dispatches(tx, AGAIN_AFTER, BATCH))
    for job in due:
        await _send(desk, job)
    for job_id, host_id in await in_transaction(desk.pool, lambda tx: queries.claim_cancels(tx, AGAIN_AFTER, BATCH)):
        await desk.news.command(host_id, wire.JobCancel(job_id=job_id))
    await _cancel_never_begun(desk)
    return len(due) == BATCH


async def _send(desk: Desk, job: Dispatch) -> None:
    try:
        frame = run_frame(job, desk.sealer)
    except SealBrokenError as error:
        await _fail(desk, job, str(error))
        return
    await desk.news.command(job.host_id, frame)
    if job.newly:
        log.info("job dispatched", job_id=str(job.job_id), host_id=str(job.host_id), kind=job.kind)
        await desk.news.dispatched(job)


def run_frame(job: Dispatch, sealer: Sealer) -> wire.JobRun:
    """The `job.run` of a job: the only place where a repository's secrets are unsealed, and never stored again."""
    return wire.JobRun(
        job_id=job.job_id,
        kind=job.kind,
        host_name=job.host_name,
        engine=Engine(job.engine),
        source_group=wire.SourceGroupSpec.model_validate(job.source_group) if job.source_group else None,
        repository=_repository(job, sealer),
        forget=[wire.ForgetSpec.model_validate(spec) for spec in job.forget],
    )


def _repository(job: Dispatch, sealer: Sealer) -> wire.RepositorySpec | None:
    if job.repository is None or job.secrets is None:
        return None
    secrets = sealer.open(job.secrets, purpose(job.repository["id"]))
    if job.repository["source"] == RepositorySource.HOST:
        secrets = {"url": secrets["url"]}
    return wire.RepositorySpec.model_validate(job.repository | secrets)


async def _fail(desk: Desk, job: Dispatch, why: str) -> None:
    log.error("job cannot be sent", job_id=str(job.job_id), reason=why)
    end = End(job.job_id, JobStatus.FAILED, message=why)
    await desk.news.finished(await in_transaction(desk.pool, lambda tx: finish_jobs(tx, [end])))


async def _cancel_never_begun(desk: Desk) -> None:
    """End what was to be cancelled before it began; should it have begun all the same, the agent's word replaces it."""

    async def work(tx: Connection) -> list[FinishedJob]:
        never_begun = await queries.never_begun(tx, BEGINS_WITHIN, BATCH)
        why = "cancelled before the agent began it"
        return await finish_jobs(
            tx, [End(job_id, JobStatus.CANCELLED, message=why, presumed=True) for job_id in never_begun]
        )

    if ended := await in_transaction(desk.pool, work):
        await desk.news.finished(ended)

"""The one door: a job ends, its group's last success moves, and `job.finished` is said, in one transaction."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from services.jobs import rules
from services.jobs.model import End, FinishedJob, ReportedJob
from services.jobs.queries import finish as queries
from services.jobs.queries import outbox
from services.jobs.queries import reports as report_queries
from shared.db import Connection
from shared.events import JobFinished
from shared.ids import uuid7
from shared.vocabulary import JobStatus, TerminalStatus

log = structlog.get_logger()


async def finish_jobs(tx: Connection, ends: Sequence[End]) -> list[FinishedJob]:
    """End these jobs; those that had ended already, or are gone, are left out of the answer."""
    if not ends:
        return []
    await queries.lock_hosts_of_jobs(tx, [end.job_id for end in ends])
    standing = await queries.lock_jobs(tx, [end.job_id for end in ends])
    taken = [end for end in ends if end.job_id in standing and rules.takes(standing[end.job_id], end)]
    received = await queries.clock(tx)
    await queries.write_ends(tx, taken, [rules.evidence_at(received, end) for end in taken])
    return await _announce(tx, [end.job_id for end in taken])


async def record_reports(tx: Connection, reported: Sequence[ReportedJob]) -> list[FinishedJob]:
    """Write jobs that ran elsewhere, already ended; an id that is taken is left out of the answer."""
    return await _announce(tx, await report_queries.insert(tx, reported) if reported else [])


async def _announce(tx: Connection, job_ids: Sequence[UUID]) -> list[FinishedJob]:
    if not job_ids:
        return []
    await queries.move_last_success(tx, job_ids)
    finished = await queries.finished_jobs(tx, job_ids)
    # A skipped job never was one for anybody else: it is history, and no event.
    told = [job for job in finished if job.status is not JobStatus.SKIPPED]
    await outbox.say(tx, [job.host_id for job in told], [_event(job) for job in told])
    return finished


def _event(job: FinishedJob) -> JobFinished:
    return JobFinished(
        event_id=uuid7(),
        job_id=job.id,
        host_id=job.host_id,
        host_name=job.host_name,
        host_labels=job.host_labels,
        kind=job.kind,
        source_group_id=job.source_group_id,
        source_group_name=job.source_group_name,
        status=TerminalStatus(job.status),
        exit_code=job.exit_code,
        error_class=job.error_class,
        message=job.message,
        unreadable_files=_unreadable_files(job),
        started_at=job.started_at,
        finished_at=job.finished_at,
        evidence_at=job.evidence_at,
        last_success_at=job.last_success_at,
    )


def _unreadable_files(job: FinishedJob) -> int | None:
    count = (job.summary or {}).get("unreadable_files")
    return count if isinstance(count, int) else None

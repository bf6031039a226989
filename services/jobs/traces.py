"""The first spans of a job's trace."""

from collections.abc import Iterable

from services.jobs.model import FinishedJob
from shared.tracing import tracing


def tell(jobs: Iterable[FinishedJob], begun: float) -> None:
    """That these jobs ran and how they ended, and that since `begun` (of `time.time()`) this was committed."""
    if not tracing.on:
        return
    for job in jobs:
        about = {"host": job.host_name, "source_group": job.source_group_name or "", "status": job.status.value}
        ended = job.finished_at or job.evidence_at
        tracing.first(job.id, f"{job.kind} on {job.host_name}", job.started_at or ended, ended, **about)
        tracing.part(job.id, "jobs: commit the end", begun)

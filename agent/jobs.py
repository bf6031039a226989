"""Which jobs this agent has, and what becomes of them: each id runs once, whatever is repeated."""

import asyncio
import errno
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from weakref import WeakValueDictionary

from agent import trust
from agent.engines import command, restic
from agent.job_log import JobLog
from agent.outcome import LONGEST_MESSAGE, JobFailed, Outcome, failed
from agent.running_job import RunningJob
from agent.scrub import Scrub, only_urls, scrub_values, scrubber, url_secrets
from agent.settings import AgentSettings
from agent.spool import Spool
from agent.state_folder import StateFolder
from shared.agent_protocol import JobFinished, JobRun, RepositorySpec
from shared.vocabulary import Engine, ErrorClass, TerminalStatus

logger = logging.getLogger(__name__)

AT_ONCE = 2
MOST_WAITING = 200
_DIED = "the agent stopped while this job ran, and its end is not known"
_STOPPED = {
    TerminalStatus.CANCELLED: Outcome(TerminalStatus.CANCELLED, None, "cancelled on request"),
    TerminalStatus.FAILED: failed(ErrorClass.INTERRUPTED, "the agent was stopped while the job ran"),
}


class Jobs:
    """Accepts, runs and stops jobs; calls `changed` whenever the connection may have something to say."""

    def __init__(self, settings: AgentSettings, folder: StateFolder, spool: Spool, changed: Callable[[], None]) -> None:
        self._settings, self._folder = settings, folder
        self.spool = spool
        self._changed = changed
        self.running: dict[UUID, RunningJob] = {}
        self._work: dict[UUID, asyncio.Task[Outcome]] = {}
        self._ends: dict[UUID, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        # A forget waits here for the backup into the same repository, instead of failing on its lock.
        self._repositories: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._stopping = False
        self._acked = asyncio.Event()

    def run(self, run: JobRun) -> None:
        """Run a job that the server asks for, unless it is known: then its state is told again."""
        if self._answer_known(run.job_id) or not self._has_room(run.job_id):
            return
        try:
            trust.check(run, self._settings)
        except trust.NotAllowed as reason:
            self.refuse(run.job_id, str(reason), _scrub_of(run))
            return
        now = datetime.now(UTC)
        self.spool.accept(run.job_id, now)
        job = RunningJob(run, now, self.log_of(run.job_id), self._changed, _scrub_of(run))
        self.running[run.job_id] = job
        self._work[run.job_id] = asyncio.create_task(self._in_turn(job))
        self._ends[run.job_id] = asyncio.create_task(self._see_through(job))
        logger.info("job accepted", extra={"job_id": run.job_id, "kind": run.kind, "engine": run.engine})

    def refuse(self, job_id: UUID, reason: str, scrub: Scrub = only_urls) -> None:
        """End a job that this agent's rules forbid, or that it cannot read, without running it."""
        if self._answer_known(job_id):
            return
        logger.warning("job refused", extra={"job_id": job_id, "reason": scrub(reason)})
        self._finish(job_id, None, failed(ErrorClass.NOT_ALLOWED, reason), scrub)

    def cancel(self, job_id: UUID) -> None:
        """Stop a job; one that was never seen is cancelled before it could begin."""
        logger.info("cancel asked for", extra={"job_id": job_id})
        if job_id in self.running:
            self._stop(job_id, TerminalStatus.CANCELLED)
        elif not self._answer_known(job_id):
            self._finish(job_id, None, _STOPPED[TerminalStatus.CANCELLED], only_urls)

    def ack(self, frame_id: UUID) -> None:
        """The server has this end state: its log may go."""
        job_id = self.spool.ack(frame_id)
        if job_id is not None:
            self._log_path(job_id).unlink(missing_ok=True)
            self._acked.set()

    async def told(self) -> None:
        """Return when the server has acknowledged every end state."""
        while self.spool.spooled():
            self._acked.clear()
            await self._acked.wait()

    async def stop(self) -> None:
        """End every job cleanly; each is spooled as interrupted."""
        self._stopping = True
        for job_id in self.running:
            self._stop(job_id, TerminalStatus.FAILED)
        await asyncio.gather(*self._ends.values())

    def log_of(self, job_id: UUID) -> JobLog:
        """The job's log as far as it is still on disk."""
        return JobLog(self._log_path(job_id))

    def prune(self) -> None:
        """Let go of what is older than the agent's memory reaches, and of logs that nobody waits for."""
        self.spool.flush()
        self.spool.prune(datetime.now(UTC))
        for path in self._folder.logs.glob("*.log"):
            if _is_over(path, self.spool):
                path.unlink(missing_ok=True)

    def _answer_known(self, job_id: UUID) -> bool:
        known = self.spool.get(job_id)
        if known is None:
            return False
        if job_id not in self.running and not self.spool.resend(job_id):
            self._finish(job_id, known.accepted_at, failed(ErrorClass.INTERRUPTED, _DIED), only_urls)
        self._changed()
        return True

    def _has_room(self, job_id: UUID) -> bool:
        room = not self._stopping and len(self.running) < MOST_WAITING
        if not room:
            logger.warning("job not accepted now", extra={"job_id": job_id, "running": len(self.running)})
        return room

    def _stop(self, job_id: UUID, ended_by: TerminalStatus) -> None:
        job = self.running[job_id]
        if job.ended_by is None:
            job.ended_by = ended_by
            self._work[job_id].cancel()

    async def _see_through(self, job: RunningJob) -> None:
        """Nobody cancels this: a job that is stopped before its first step must end too."""
        try:
            outcome = await self._work[job.run.job_id]
        except asyncio.CancelledError:
            outcome = _STOPPED[job.ended_by or TerminalStatus.FAILED]
        except Exception as error:  # noqa: BLE001  whatever happens, the job ends and the server is told
            outcome = _unforeseen(error)
        job_id = job.run.job_id
        self._finish(job_id, job.started_at, outcome, job.scrub, job.restic_id)
        del self.running[job_id], self._work[job_id], self._ends[job_id]
        self._changed()

    async def _in_turn(self, job: RunningJob) -> Outcome:
        repository = job.run.repository
        turn = self._repositories.setdefault(repository.id, asyncio.Lock()) if repository else asyncio.Lock()
        async with turn, self._slots:
            if job.run.engine is Engine.COMMAND:
                return await command.run(job, self._settings, self._folder)
            return await restic.run(job, self._settings, self._folder)

    def _finish(
        self, job_id: UUID, started_at: datetime | None, outcome: Outcome, scrub: Scrub, restic_id: str | None = None
    ) -> None:
        now = datetime.now(UTC)
        message = scrub(outcome.message)[:LONGEST_MESSAGE] if outcome.message else None
        frame = JobFinished(
            job_id=job_id,
            status=outcome.status,
            exit_code=outcome.exit_code,
            error_class=outcome.error_class,
            message=message,
            summary=scrub_values(outcome.summary, scrub),
            started_at=started_at,
            finished_at=now,
            sent_at=now,
            restic_id=restic_id,
        )
        self.spool.finish(frame)
        logger.info("job finished", extra={"job_id": job_id, "status": frame.status, "class": frame.error_class})
        self._changed()

    def _log_path(self, job_id: UUID) -> Path:
        return self._folder.logs / f"{job_id}.log"


def _is_over(log: Path, spool: Spool) -> bool:
    """Whether this is the log of a job that nobody waits for; a file of another name is not ours."""
    try:
        known = spool.get(UUID(log.stem))
    except ValueError:
        return False
    return known is None or known.acked


def _unforeseen(error: Exception) -> Outcome:
    if isinstance(error, JobFailed):
        return error.outcome
    if isinstance(error, trust.NotAllowed):
        return failed(ErrorClass.NOT_ALLOWED, str(error))
    if isinstance(error, OSError):
        reason = ErrorClass.NO_SPACE if error.errno in {errno.ENOSPC, errno.EDQUOT} else ErrorClass.OTHER
        return failed(reason, f"on the agent's host: {error.strerror} {error.filename or ''}".strip())
    logger.error("job failed by a fault of the agent", exc_info=error)
    return failed(ErrorClass.OTHER, f"a fault of the agent: {type(error).__name__}")


def _scrub_of(run: JobRun) -> Scrub:
    return scrubber(secrets_of(run.repository)) if run.repository else only_urls


def secrets_of(repository: RepositorySpec) -> list[str]:
    """Every text of the repository that must not be told."""
    return [repository.password or "", *repository.env.values(), *url_secrets(repository.url)]

"""One job while it runs: what its engine tells about it, and what the connection reads."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent.job_log import JobLog
from agent.scrub import Scrub
from shared.agent_protocol import JobProgress, JobRun
from shared.vocabulary import TerminalStatus


@dataclass
class RunningJob:
    """Written by an engine, read by the connection; every text passes `scrub` first."""

    run: JobRun
    started_at: datetime
    log_file: JobLog
    changed: Callable[[], None]
    scrub: Scrub
    restic_id: str | None = None
    progress: JobProgress | None = None
    ended_by: TerminalStatus | None = None
    """CANCELLED by a person, FAILED by the agent's own end; None while nobody stopped it."""

    def log(self, line: str) -> None:
        """Add one line to the job's log."""
        self.log_file.write(self.scrub(line))
        self.changed()

    def opened(self, restic_id: str) -> None:
        """The repository was opened or created."""
        self.restic_id = restic_id
        self.changed()

    def proceed(self, percent: float, bytes_done: int, files_done: int) -> None:
        """The latest progress; only the last one of a second is sent."""
        self.progress = JobProgress(
            job_id=self.run.job_id, percent=percent, bytes_done=bytes_done, files_done=files_done
        )

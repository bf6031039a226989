"""Every job this agent knows, on disk: an end state until it is acknowledged, an id for 30 days.

A full disk must not stop a backup: what cannot be written is kept in memory and written later.
"""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from agent.settings import SettingsError
from shared.agent_protocol import JobFinished

logger = logging.getLogger(__name__)

KNOWN_FOR = timedelta(days=30)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    job_id      TEXT PRIMARY KEY,
    accepted_at TEXT NOT NULL,
    finished    TEXT,
    acked       INTEGER NOT NULL DEFAULT 0
) STRICT
"""


@dataclass(frozen=True)
class KnownJob:
    """A job the agent has accepted; `finished` is None while it runs, or when the agent died under it."""

    job_id: UUID
    accepted_at: datetime
    finished: JobFinished | None = None
    acked: bool = False


class Spool:
    """One agent's jobs; once it is open, nothing it does raises for want of disk space."""

    def __init__(self, path: Path) -> None:
        """Open the file, or begin it anew if it holds no database.

        Raises:
            SettingsError: it cannot be opened now.
        """
        self._database = _open(path)
        self._unwritten: dict[UUID, KnownJob] = {}

    def close(self) -> None:
        """Write what is left and let the file go."""
        self.flush()
        self._database.close()

    def get(self, job_id: UUID) -> KnownJob | None:
        """The job, if it was ever accepted."""
        if job_id in self._unwritten:
            return self._unwritten[job_id]
        rows = self._read("SELECT job_id, accepted_at, finished, acked FROM job WHERE job_id = ?", str(job_id))
        return rows[0] if rows else None

    def spooled(self) -> list[KnownJob]:
        """The finished jobs that the server has not acknowledged, oldest first."""
        stored = self._read("SELECT job_id, accepted_at, finished, acked FROM job WHERE NOT acked ORDER BY accepted_at")
        jobs = {job.job_id: job for job in stored} | self._unwritten
        return [job for job in jobs.values() if job.finished and not job.acked]

    def accept(self, job_id: UUID, now: datetime) -> None:
        """Remember a job before it runs."""
        self._put(KnownJob(job_id, now))

    def finish(self, frame: JobFinished) -> None:
        """Keep a job's end state until it is acknowledged."""
        known = self.get(frame.job_id) or KnownJob(frame.job_id, frame.finished_at)
        self._put(replace(known, finished=frame, acked=False))

    def resend(self, job_id: UUID) -> bool:
        """Spool a finished job once more, although it was acknowledged; False if it has no end state."""
        known = self.get(job_id)
        if known is None or known.finished is None:
            return False
        if known.acked:
            self._put(replace(known, acked=False))
        return True

    def ack(self, frame_id: UUID) -> UUID | None:
        """The server has committed the frame; the job that it finished, or None if no such frame waits."""
        for job in self.spooled():
            if job.finished and job.finished.id == frame_id:
                self._put(replace(job, acked=True))
                return job.job_id
        return None

    def prune(self, now: datetime) -> None:
        """Forget acknowledged jobs after 30 days, and jobs that an agent died under likewise."""
        before = (now - KNOWN_FOR).isoformat()
        self._try(
            lambda: self._execute("DELETE FROM job WHERE accepted_at < ? AND (acked OR finished IS NULL)", before)
        )

    def flush(self) -> None:
        """Try once more to write what did not fit on the disk."""
        for job in list(self._unwritten.values()):
            if not self._try(lambda job=job: self._write(job)):  # type: ignore[misc]
                return
            del self._unwritten[job.job_id]

    def _put(self, job: KnownJob) -> None:
        self._unwritten[job.job_id] = job
        self.flush()

    def _write(self, job: KnownJob) -> None:
        self._execute(
            "INSERT INTO job (job_id, accepted_at, finished, acked) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (job_id) DO UPDATE SET finished = excluded.finished, acked = excluded.acked",
            str(job.job_id),
            job.accepted_at.astimezone(UTC).isoformat(),
            job.finished.model_dump_json() if job.finished else None,
            int(job.acked),
        )

    def _execute(self, statement: str, *values: Any) -> None:
        with self._database:
            self._database.execute(statement, values)

    def _try(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except sqlite3.Error as error:
            logger.error("spool not written, kept in memory", extra={"reason": str(error)})  # noqa: TRY400  no news in a traceback
            return False
        return True

    def _read(self, query: str, *values: Any) -> list[KnownJob]:
        with closing(self._database.execute(query, values)) as rows:
            return [_job(*row) for row in rows]


def _open(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.OperationalError as error:
        # The file is sound, the disk or its permissions are not: what it holds must still be told.
        raise SettingsError(f"--state-dir: {path} cannot be opened: {error}.") from None
    except sqlite3.DatabaseError as error:
        aside = path.with_suffix(f".broken-{datetime.now(UTC):%Y%m%d%H%M%S}")
        path.rename(aside)
        logger.error("spool unreadable, begun anew", extra={"kept": aside, "reason": str(error)})  # noqa: TRY400  as above
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    # An end state that was spooled must survive a power cut.
    database.execute("PRAGMA synchronous = FULL")
    database.execute(_SCHEMA)
    return database


def _job(job_id: str, accepted_at: str, finished: str | None, acked: int) -> KnownJob:
    frame = JobFinished.model_validate_json(finished) if finished else None
    return KnownJob(UUID(job_id), datetime.fromisoformat(accepted_at), frame, bool(acked))

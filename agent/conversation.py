"""One connection's talk with the server: one task listens, one alone speaks.

What is to be said is read off the jobs each time something changes, so a connection that breaks loses nothing: the
next one begins with all that is running and all that is spooled.
"""

import asyncio
import json
import logging
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

from aiohttp import ClientWebSocketResponse, WSMsgType
from pydantic import ValidationError

from agent.jobs import Jobs
from agent.running_job import RunningJob
from shared.agent_protocol import (
    HEARTBEAT_SECONDS,
    TO_AGENT,
    Ack,
    Config,
    Frame,
    Heartbeat,
    Hello,
    JobCancel,
    JobFinished,
    JobLog,
    JobProgress,
    JobRun,
    JobStarted,
)

logger = logging.getLogger(__name__)

SPEAK_EVERY = 1.0
"""Seconds between two reports of what goes on, so that progress and logs come in pieces worth sending."""


class Conversation:
    """Lives as long as its WebSocket."""

    def __init__(self, socket: ClientWebSocketResponse, jobs: Jobs, changed: asyncio.Event, tell_again: float) -> None:
        self._socket, self._jobs, self._changed, self._tell_again = socket, jobs, changed, tell_again
        self._heartbeat_seconds = float(HEARTBEAT_SECONDS)
        self._last_beat = monotonic()
        self._announced: dict[UUID, str | None] = {}
        self._logged: dict[UUID, int] = {}
        self._progress: dict[UUID, JobProgress] = {}
        self._told_at: dict[UUID, float] = {}

    async def hold(self, hello: Hello) -> int | None:
        """Talk until the connection ends; the close code that the server gave."""
        await self._send(hello)
        speaking = asyncio.create_task(self._speak())
        try:
            await self._listen()
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
        return self._socket.close_code

    async def _listen(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self._hear(message.data)

    def _hear(self, text: str) -> None:
        try:
            frame = TO_AGENT.validate_json(text)
        except (ValidationError, ValueError):
            self._hear_nonsense(text)
            return
        match frame:
            case JobRun():
                self._say_again(frame.job_id)
                self._jobs.run(frame)
            case JobCancel():
                self._say_again(frame.job_id)
                self._jobs.cancel(frame.job_id)
            case Ack():
                self._jobs.ack(frame.id)
            case Config():
                self._heartbeat_seconds = min(max(frame.heartbeat_seconds, 1), 3600)
                self._changed.set()

    def _hear_nonsense(self, text: str) -> None:
        """A job that cannot be read is refused, so that the server does not wait for it."""
        job_id = _job_id(text)
        if job_id is None:
            logger.warning("frame dropped: it is not of this protocol", extra={"bytes": len(text)})
        else:
            self._say_again(job_id)
            self._jobs.refuse(job_id, "this agent cannot read the job: a value is missing or of the wrong form")

    def _say_again(self, job_id: UUID) -> None:
        self._announced.pop(job_id, None)
        self._told_at.pop(job_id, None)

    async def _speak(self) -> None:
        try:
            while True:
                self._changed.clear()
                await self._say_what_is_new()
                await self._wait()
        except (ConnectionError, RuntimeError) as error:
            logger.debug("speaking ended", extra={"reason": error})
        except Exception:
            logger.exception("speaking failed")
            raise
        finally:
            await self._socket.close()

    async def _wait(self) -> None:
        """Until there may be news; the pause makes one frame of a second's log and progress."""
        due = self._last_beat + self._heartbeat_seconds - monotonic()
        waiting = SPEAK_EVERY if self._jobs.running else due
        try:
            async with asyncio.timeout(max(min(waiting, due), 0.01)):
                await self._changed.wait()
        except TimeoutError:
            return
        if not self._something_urgent():
            await asyncio.sleep(min(SPEAK_EVERY, max(due, 0.0)))

    def _something_urgent(self) -> bool:
        running = any(self._announced.get(key, "") != job.restic_id for key, job in self._jobs.running.items())
        return running or any(self._must_be_told(job.job_id) for job in self._jobs.spool.spooled())

    def _must_be_told(self, job_id: UUID) -> bool:
        """Never told on this connection, or so long ago that the server cannot have committed it."""
        told_at = self._told_at.get(job_id)
        return told_at is None or monotonic() - told_at > self._tell_again

    async def _say_what_is_new(self) -> None:
        for job_id, job in list(self._jobs.running.items()):
            await self._announce(job)
            await self._tell_log(job_id)
            await self._tell_progress(job)
        for known in self._jobs.spool.spooled():
            if known.finished and self._must_be_told(known.job_id):
                await self._tell_log(known.job_id)
                await self._tell_end(known.finished)
        if monotonic() - self._last_beat >= self._heartbeat_seconds:
            self._last_beat = monotonic()
            self._jobs.spool.flush()
            await self._send(Heartbeat())

    async def _announce(self, job: RunningJob) -> None:
        job_id = job.run.job_id
        if self._announced.get(job_id, "") != job.restic_id:
            await self._send(JobStarted(job_id=job_id, started_at=job.started_at, restic_id=job.restic_id))
            self._announced[job_id] = job.restic_id

    async def _tell_log(self, job_id: UUID) -> None:
        running = self._jobs.running.get(job_id)
        log = running.log_file if running else self._jobs.log_of(job_id)
        offset = self._logged.get(job_id, 0)
        while text := log.read(offset):
            await self._send(JobLog(job_id=job_id, offset=offset, text=text))
            offset += len(text.encode())
            self._logged[job_id] = offset

    async def _tell_progress(self, job: RunningJob) -> None:
        job_id, progress = job.run.job_id, job.progress
        if progress is not None and self._progress.get(job_id) is not progress:
            self._progress[job_id] = progress
            await self._send(progress)

    async def _tell_end(self, frame: JobFinished) -> None:
        await self._send(frame.model_copy(update={"sent_at": datetime.now(UTC)}))
        self._told_at[frame.job_id] = monotonic()

    async def _send(self, frame: Frame) -> None:
        await self._socket.send_str(frame.model_dump_json())


def _job_id(text: str) -> UUID | None:
    try:
        value = json.loads(text)
        return UUID(value["job_id"]) if value.get("type") == "job.run" else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None

"""What the world hears right after a commit: wake-up calls and hints, over core NATS; losing one loses nothing."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import nats.errors
import structlog
from nats.aio.client import Client
from pydantic import BaseModel

from services.jobs.model import Dispatch, FinishedJob
from shared.asks.agents import COMMAND_SUBJECT, TAKEOVER_SUBJECT, Takeover
from shared.asks.jobs import Job
from shared.bus import WakeCall
from shared.events import Hint, HostUpdated, JobUpdated
from shared.vocabulary import JobStatus

log = structlog.get_logger()


@dataclass(frozen=True)
class News:
    """Says over core NATS what has been committed."""

    client: Callable[[], Client]
    outbox: WakeCall
    """To whichever replica publishes the outbox: there is something new in it."""
    dispatch: asyncio.Event
    """To our own dispatcher: a job waits."""

    async def said(self) -> None:
        """There is something new in the outbox."""
        await self.outbox.call()

    async def made(self, *jobs: Job) -> None:
        """Jobs wait for their agents, or for being cancelled."""
        self.dispatch.set()
        for job in jobs:
            await self._updated(job.id, job.host_id, job.source_group_id, job.status)

    async def dispatched(self, job: Dispatch) -> None:
        """A job is on its way to its agent."""
        await self._updated(job.job_id, job.host_id, job.source_group_id, JobStatus.DISPATCHED)

    async def finished(self, jobs: Iterable[FinishedJob]) -> None:
        """Jobs have ended."""
        await self.said()
        for job in jobs:
            await self._updated(job.id, job.host_id, job.source_group_id, job.status)

    async def host(self, *host_ids: UUID) -> None:
        """Hosts came, went or were changed."""
        for host_id in host_ids:
            await self.hint(HostUpdated(host_id=host_id))

    async def _updated(self, job: UUID, host: UUID, group: UUID | None, status: JobStatus) -> None:
        await self.hint(JobUpdated(job_id=job, host_id=host, source_group_id=group, status=status))

    async def hint(self, hint: Hint) -> None:
        """Something worth showing live."""
        await self._publish(hint.subject, hint)

    async def command(self, host_id: UUID, frame: BaseModel) -> None:
        """A frame to the gateway that holds the host's connection."""
        await self._publish(COMMAND_SUBJECT.format(host_id=host_id), frame)

    async def cut_off(self, host_id: UUID) -> None:
        """Nobody may speak for this host with the token it had."""
        await self._publish(TAKEOVER_SUBJECT.format(host_id=host_id), Takeover(connection_id=None))

    async def _publish(self, subject: str, body: BaseModel) -> None:
        try:
            await self.client().publish(subject, body.model_dump_json().encode())
        except (nats.errors.Error, OSError) as error:
            log.debug("not said", subject=subject, error=type(error).__name__)

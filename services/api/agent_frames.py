"""What an agent says, passed on to jobs in the order it was said."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from services.api import metrics
from services.api.agent_socket import Gone, Socket
from services.api.owners import Owners
from shared import agent_protocol as wire
from shared.asks.agents import AgentFinished, AgentHello, AgentLog, AgentProgress, AgentStarted
from shared.asks.ask import Ask
from shared.refusal import Refusal
from shared.tracing import tracing

log = structlog.get_logger()
SILENCE_SECONDS = 45.0
TRIES = 10
TRY_AGAIN_LATER = 1013
UNAVAILABLE = 503


@dataclass
class Frames:
    """The conversation with one agent."""

    owners: Owners
    socket: Socket
    host_id: UUID
    connection_id: UUID
    heard: Callable[[UUID], None]

    async def relay(self) -> None:
        """Pass on frame after frame until the connection ends or falls silent."""
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    text = await self.socket.receive()
            except TimeoutError:
                log.info("agent silent", host_id=str(self.host_id))
                await self.socket.close(1001)
                return
            self.heard(self.host_id)
            frame = self._decoded(text)
            if frame is not None:
                await self._handle(frame)

    def _decoded(self, text: str) -> wire.FromAgent | None:
        try:
            frame = wire.FROM_AGENT.validate_json(text)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)[0]
            log.warning("frame not understood", host_id=str(self.host_id), where=found["loc"], detail=found["msg"])
            metrics.FRAMES.labels("malformed").inc()
            return None
        metrics.FRAMES.labels(frame.type).inc()
        return frame

    async def _handle(self, frame: wire.FromAgent) -> None:
        match frame:
            case wire.Hello():
                hello = AgentHello(host_id=self.host_id, connection_id=self.connection_id, frame=frame)
                if await self._told(hello):
                    await self._say(wire.Config())
            case wire.JobStarted():
                await self._told(AgentStarted(host_id=self.host_id, frame=frame))
            case wire.JobProgress():
                # The next one says it again.
                await self.owners.answer_or_refusal(AgentProgress(host_id=self.host_id, frame=frame))
            case wire.JobLog():
                await self._told(AgentLog(host_id=self.host_id, frame=frame))
            case wire.JobFinished():
                begun = time.time()
                if await self._told(AgentFinished(host_id=self.host_id, frame=frame)):
                    tracing.part(frame.job_id, "agent: job.finished", begun, SpanKind.SERVER)
                    await self._say(wire.Ack(id=frame.id))

    async def _told(self, question: Ask[None]) -> bool:
        """Whether jobs has taken it; while jobs is away, what the agent says waits, and then has to come again."""
        for _ in range(TRIES):
            refusal = await self.owners.answer_or_refusal(question)
            if not isinstance(refusal, Refusal):
                return True
            if refusal.status != UNAVAILABLE:
                log.warning("frame refused", host_id=str(self.host_id), subject=question.subject, detail=refusal.detail)
                return False
            await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311  jitter, not a secret
        await self.socket.close(TRY_AGAIN_LATER)
        raise Gone

    async def _say(self, frame: wire.Ack | wire.Config) -> None:
        await self.socket.send(frame.model_dump_json())

"""What the gateway passes on between agents and jobs. Owned by jobs."""

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared import agent_protocol as wire
from shared.asks.ask import Ask

COMMAND_SUBJECT = "agent.command.{host_id}"
"""Core NATS, jobs to the gateway that holds the host's connection: a `ToAgent` frame as JSON."""
TAKEOVER_SUBJECT = "agent.takeover.{host_id}"
"""Core NATS, gateway to gateways: `{connection_id}` now speaks for the host; `null`: nobody may (token renewed)."""
ALIVE_SUBJECT = "agent.alive"
"""Core NATS, every gateway to jobs every 5 s, also with no agent at all: an `AgentsAlive`."""


class AgentIdentity(BaseModel):
    """Whose token it was."""

    model_config = ConfigDict(frozen=True)

    host_id: UUID
    host_name: str


class AgentsAlive(BaseModel):
    """A gateway lives, and so do these hosts' agents: each sent a frame since the last message."""

    model_config = ConfigDict(frozen=True)

    gateway_id: UUID
    host_ids: list[UUID]


class Takeover(BaseModel):
    """The connection that now speaks for a host; null: the token was renewed or the host deleted, all must go."""

    model_config = ConfigDict(frozen=True)

    connection_id: UUID | None


class AuthenticateAgent(Ask[AgentIdentity]):
    """401 when no host has this token."""

    subject: ClassVar[str] = "ask.jobs.agent.authenticate"
    token: str = Field(repr=False)


class AgentHello(Ask[None]):
    """The agent is connected; jobs then sends what waits for it and ends what it no longer has."""

    subject: ClassVar[str] = "ask.jobs.agent.hello"
    host_id: UUID
    connection_id: UUID
    frame: wire.Hello


class AgentStarted(Ask[None]):
    subject: ClassVar[str] = "ask.jobs.agent.started"
    host_id: UUID
    frame: wire.JobStarted


class AgentProgress(Ask[None]):
    subject: ClassVar[str] = "ask.jobs.agent.progress"
    host_id: UUID
    frame: wire.JobProgress


class AgentLog(Ask[None]):
    subject: ClassVar[str] = "ask.jobs.agent.log"
    host_id: UUID
    frame: wire.JobLog


class AgentFinished(Ask[None]):
    """Answered after the commit; only then does the gateway send `ack`."""

    subject: ClassVar[str] = "ask.jobs.agent.finished"
    host_id: UUID
    frame: wire.JobFinished

"""The agents' WebSockets: who connects, who gives way, and where frames go."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import nats.errors
import structlog
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import ValidationError

from services.api import metrics
from services.api.agent_frames import Frames
from services.api.agent_socket import Gone, Socket, refuse
from services.api.auth import Doorkeeper, Identity
from services.api.errors import Problem, unauthorized
from services.api.owners import Owners
from shared import agent_protocol as wire
from shared import tokens
from shared.asks.agents import ALIVE_SUBJECT, COMMAND_SUBJECT, TAKEOVER_SUBJECT, AgentsAlive, Takeover
from shared.refusal import Refusal

log = structlog.get_logger()
ALIVE_SECONDS = 5.0
CUT_OFF_SECONDS = 60.0
NO_UPGRADE = Refusal(status=426, title="Upgrade Required", detail="Agents connect here by WebSocket.")


@dataclass
class Agent:
    """One agent's connection."""

    identity: Identity
    socket: Socket
    connection_id: UUID = field(default_factory=uuid4)


class Agents:
    """The agents connected to this gateway; of each host the newest connection, here or elsewhere."""

    def __init__(self, owners: Owners, doorkeeper: Doorkeeper) -> None:
        self._owners = owners
        self._doorkeeper = doorkeeper
        self._gateway_id = uuid4()
        self._connected: dict[UUID, Agent] = {}
        self._cut_off: dict[UUID, float] = {}
        self._heard: set[UUID] = set()

    def route(self) -> ASGIRouteHandler:
        """The WebSocket's address."""

        @asgi(wire.WS_PATH, copy_scope=False)
        async def connect(scope: Scope, receive: Receive, send: Send) -> None:
            await self._connect(scope, receive, send)

        return connect

    async def watch_takeovers(self) -> None:
        """Give way, from now on, to newer connections at any gateway."""
        await self._client.subscribe(TAKEOVER_SUBJECT.format(host_id="*"), cb=self._on_takeover)

    async def tell_alive(self) -> bool:
        """Tell jobs that this gateway lives and which agents were heard since the last time."""
        heard, self._heard = self._heard, set()
        recent = time.monotonic() - CUT_OFF_SECONDS
        self._cut_off = {host_id: at for host_id, at in self._cut_off.items() if at > recent}
        alive = AgentsAlive(gateway_id=self._gateway_id, host_ids=list(heard))
        await self._client.publish(ALIVE_SUBJECT, alive.model_dump_json().encode())
        return False

    def _hear(self, host_id: UUID) -> None:
        self._heard.add(host_id)

    @property
    def _client(self) -> Client:
        return self._owners.client

    async def _connect(self, scope: Any, receive: Any, send: Any) -> None:
        started = time.monotonic()
        if scope["type"] != "websocket":
            raise Problem(NO_UPGRADE, {"Upgrade": "websocket"})
        try:
            identity = await self._doorkeeper.agent(_token_of(scope))
        except Problem as problem:
            await refuse(scope, receive, send, problem)
            return
        agent = Agent(identity, Socket(receive, send))
        try:
            await agent.socket.accept()
            await self._serve(agent, started)
        except Gone:
            return
        finally:
            await agent.socket.close(1011)

    async def _serve(self, agent: Agent, started: float) -> None:
        host_id = agent.identity.id
        commands = await self._client.subscribe(COMMAND_SUBJECT.format(host_id=host_id), cb=_forward_to(agent))
        before = self._connected.get(host_id)
        self._connected[host_id] = agent
        metrics.AGENTS.inc()
        log.info("agent connected", host_id=str(host_id), connection_id=str(agent.connection_id))
        try:
            if before:
                await before.socket.close(wire.REPLACED)
            await self._announce(agent)
            if self._cut_off.get(host_id, 0.0) >= started:
                await agent.socket.close(wire.REPLACED)  # its token was renewed while it was let in
            await Frames(self._owners, agent.socket, host_id, agent.connection_id, self._hear).relay()
        finally:
            metrics.AGENTS.dec()
            if self._connected.get(host_id) is agent:
                del self._connected[host_id]
            log.info("agent gone", host_id=str(host_id), connection_id=str(agent.connection_id))
            await _unsubscribe(commands)

    async def _announce(self, agent: Agent) -> None:
        takeover = Takeover(connection_id=agent.connection_id)
        subject = TAKEOVER_SUBJECT.format(host_id=agent.identity.id)
        await self._client.publish(subject, takeover.model_dump_json().encode())

    async def _on_takeover(self, message: Msg) -> None:
        try:
            host_id = UUID(message.subject.rpartition(".")[2])
            newest = Takeover.model_validate_json(message.data).connection_id
        except (ValueError, ValidationError):
            log.warning("takeover not understood", subject=message.subject)
            return
        if newest is None:
            self._cut_off[host_id] = time.monotonic()
        agent = self._connected.get(host_id)
        if agent and agent.connection_id != newest:
            log.info("agent gives way", host_id=str(host_id), connection_id=str(agent.connection_id))
            await agent.socket.close(wire.REPLACED)


def _token_of(scope: Any) -> str:
    headers = dict(scope["headers"])
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(tokens.AGENT_PREFIX):
        raise unauthorized("An agent's token is needed.")
    return token.strip()


def _forward_to(agent: Agent) -> Callable[[Msg], Awaitable[None]]:
    async def forward(message: Msg) -> None:
        # As it is, unread: it may hold a repository's secrets.
        with suppress(Gone):
            await agent.socket.send(message.data.decode())

    return forward


async def _unsubscribe(subscription: Subscription) -> None:
    with suppress(nats.errors.Error):
        await subscription.unsubscribe()

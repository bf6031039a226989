"""A running jobs service on a real database and a real broker, and what a gateway would say to it."""

import asyncio
import os
from dataclasses import dataclass
from uuid import UUID, uuid4

import nats
import pytest

from services.jobs import app
from shared import streams
from shared.agent_protocol import TO_AGENT, Hello
from shared.asks.agents import AgentHello, AgentsAlive
from shared.asks.hosts import CreateHost, HostCreate
from shared.asks.repositories import InlineRepository
from shared.asks.source_groups import CreateSourceGroup, SourceGroupCreate
from shared.bus import ask
from shared.clock import utc_now
from shared.refusal import Refusal
from tests.settled import settle


@dataclass
class Gateway:
    """Asks jobs, and hears what it says."""

    client: nats.NATS

    async def ask(self, question):
        return await ask(self.client, question, timeout=5)

    async def ready(self):
        """Wait until jobs answers."""
        for _ in range(100):
            answer = await self.ask(CreateHost(body=HostCreate(name=f"probe-{uuid4()}")))
            if not isinstance(answer, Refusal):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(answer)

    async def host(self, name="web-01", **fields):
        repository = InlineRepository(url="rest:https://me:hunter2@backup/x", password="correct horse", create=True)
        return await self.ask(CreateHost(body=HostCreate(name=name, repository=repository, **fields)))

    async def group(self, host: UUID, name="mail", **fields):
        body = SourceGroupCreate(name=name, paths=["/var/mail"], **fields)
        return await self.ask(CreateSourceGroup(host_id=host, body=body))

    async def hello(self, host: UUID, **fields):
        frame = Hello(agent_version="1", restic_version="0.18.0", os="linux", engines=["restic"], sent_at=utc_now())
        frame = frame.model_copy(update=fields)
        return await self.ask(AgentHello(host_id=host, connection_id=uuid4(), frame=frame))

    async def alive(self, *hosts: UUID):
        body = AgentsAlive(gateway_id=uuid4(), host_ids=list(hosts)).model_dump_json()
        await self.client.publish("agent.alive", body.encode())

    async def commands(self, host: UUID):
        """The frames that jobs sends to this host's agent, as they come."""
        subscription = await self.client.subscribe(f"agent.command.{host}")
        await settle(self.client)

        async def following():
            message = await subscription.next_msg(timeout=20)
            return TO_AGENT.validate_json(message.data)

        return following


@pytest.fixture
async def stream(nats_url):
    client = await nats.connect(nats_url)
    await streams.ensure(client.jetstream(), 1)
    yield client
    await client.close()


@pytest.fixture
async def serving(database_url, nats_url, stream):
    """The service as `keepwatch serve jobs` runs it."""
    environ = {
        "KEEPWATCH_DATABASE_URL": database_url,
        "KEEPWATCH_NATS_URL": nats_url,
        "KEEPWATCH_SECRET_KEY": "a secret key of at least 32 characters",
    }
    task = asyncio.create_task(app.run(environ, "127.0.0.1", None))
    yield task
    os.kill(os.getpid(), 15)
    await asyncio.wait_for(task, 20)


@pytest.fixture
async def gateway(serving, stream):
    gateway = Gateway(stream)
    await gateway.ready()
    return gateway

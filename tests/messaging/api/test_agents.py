import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import aiohttp
import pytest

from services.api import agent_frames
from shared.asks.agents import (
    ALIVE_SUBJECT,
    COMMAND_SUBJECT,
    TAKEOVER_SUBJECT,
    AgentFinished,
    AgentHello,
    AgentIdentity,
    AgentLog,
    AgentsAlive,
    AuthenticateAgent,
    Takeover,
)
from shared.refusal import Refusal
from tests.settled import settle

HOST = UUID("22222222-2222-2222-2222-222222222222")
NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
TOKEN = "kwa_right"


@pytest.fixture
async def jobs(bus):
    """Knows one agent, and says yes to all it says."""
    refusal = Refusal(status=401, title="Unauthorized", detail="No host has this token.")
    identity = AgentIdentity(host_id=HOST, host_name="web-01")
    await bus.answer(AuthenticateAgent, lambda asked: identity if asked.token == TOKEN else refusal)
    await bus.answer(AgentHello, None)
    await bus.answer(AgentLog, None)
    return bus


@asynccontextmanager
async def connected(gateway, token=TOKEN):
    url = gateway.url + "/agent/v1/ws"
    async with gateway.http.ws_connect(url, headers={"Authorization": f"Bearer {token}"}, autoclose=True) as socket:
        yield socket


async def say(socket, kind: str, **fields):
    frame = {"type": kind, "id": str(uuid4()), **fields}
    await socket.send_str(json.dumps(frame))
    return frame


async def hear(socket) -> dict:
    message = await socket.receive(timeout=10)
    assert message.type is aiohttp.WSMsgType.TEXT, message
    return json.loads(message.data)


async def hello(socket):
    await say(socket, "hello", protocol=1, agent_version="1", os="Linux", engines=["restic"], sent_at=NOW)
    return await hear(socket)


def finished() -> dict:
    return {"job_id": str(uuid4()), "status": "succeeded", "finished_at": NOW, "sent_at": NOW}


async def closed_with(socket) -> int:
    while True:
        message = await socket.receive(timeout=10)
        if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}:
            return socket.close_code


@pytest.mark.parametrize("token", ["kwa_wrong", "kw_test-admin-token", ""])
async def test_a_wrong_token_is_401_at_the_upgrade(gateway, jobs, token):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(gateway, token):
            pass

    assert refused.value.status == 401


async def test_without_jobs_the_upgrade_is_503_so_that_the_agent_tries_again(gateway):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(gateway):
            pass

    assert refused.value.status == 503


async def test_hello_reaches_jobs_and_is_answered_with_config(gateway, jobs):
    async with connected(gateway) as socket:
        answer = await hello(socket)

    (asked,) = jobs.questions(AgentHello)
    assert (asked.host_id, asked.frame.os) == (HOST, "Linux")
    assert (answer["type"], answer["heartbeat_seconds"]) == ("config", 15)


async def test_a_command_of_jobs_reaches_its_host_only(gateway, jobs):
    async with connected(gateway) as socket:
        await hello(socket)
        await jobs.client.publish(COMMAND_SUBJECT.format(host_id=uuid4()), b'{"type": "other"}')
        await jobs.client.publish(COMMAND_SUBJECT.format(host_id=HOST), b'{"type": "job.run"}')

        assert (await hear(socket))["type"] == "job.run"


async def test_the_ack_comes_after_jobs_has_committed(gateway, jobs):
    committed = asyncio.Event()

    async def commit(_) -> None:
        await committed.wait()

    await jobs.answer(AgentFinished, commit)
    async with connected(gateway) as socket:
        await hello(socket)
        frame = await say(socket, "job.finished", **finished())
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.3)
        committed.set()

        answer = await hear(socket)
        assert (answer["type"], answer["id"]) == ("ack", frame["id"])


async def test_while_jobs_is_away_nothing_is_acknowledged_and_nothing_is_lost(gateway, jobs):
    async with connected(gateway) as socket:
        await hello(socket)
        frame = await say(socket, "job.finished", **finished())
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.3)
        await jobs.answer(AgentFinished, None)

        assert (await hear(socket))["id"] == frame["id"]


async def test_what_jobs_refuses_is_not_acknowledged(gateway, jobs):
    await jobs.answer(AgentFinished, Refusal.not_found("job"))
    async with connected(gateway) as socket:
        await hello(socket)
        await say(socket, "job.finished", **finished())
        # The next answer is that to a second hello: there was no ack before it.
        assert (await hello(socket))["type"] == "config"


async def test_frames_arrive_in_order_and_malformed_ones_harm_nobody(gateway, jobs):
    async with connected(gateway) as socket:
        await hello(socket)
        for text in ("{", "[]", '{"type": "job.log"}', '{"type": "nonsense"}', "\0"):
            await socket.send_str(text)
        await socket.send_bytes(b"\xff")
        for offset in range(50):
            await say(socket, "job.log", job_id=str(uuid4()), offset=offset, text="x")
        await hello(socket)

    assert [asked.frame.offset for asked in jobs.questions(AgentLog)] == list(range(50))


async def test_a_newer_connection_closes_the_older_one(gateway, jobs):
    async with connected(gateway) as older, connected(gateway) as newer:
        assert await closed_with(older) == 4409
        assert (await hello(newer))["type"] == "config"


async def test_a_newer_connection_at_another_gateway_closes_the_older_one(gateway, start_gateway, jobs):
    async with connected(gateway) as older, start_gateway() as other, connected(other) as newer:
        assert await closed_with(older) == 4409
        assert (await hello(newer))["type"] == "config"


async def test_a_renewed_token_cuts_the_agent_off(gateway, jobs):
    async with connected(gateway) as socket:
        await hello(socket)
        nobody = Takeover(connection_id=None).model_dump_json().encode()
        await jobs.client.publish(TAKEOVER_SUBJECT.format(host_id=HOST), nobody)

        assert await closed_with(socket) == 4409


async def test_gateways_tell_that_they_live_and_who_was_heard_since(gateway, jobs):
    """Agents once were heard until the gateway had told of them for the first time, and never again."""
    told = await jobs.client.subscribe(ALIVE_SUBJECT)
    await settle(jobs.client)

    async def next_told() -> AgentsAlive:
        return AgentsAlive.model_validate_json((await told.next_msg(10)).data)

    first = await next_told()
    async with connected(gateway) as socket:
        for _ in range(2):
            await say(socket, "heartbeat")
            while not (heard := (await next_told()).host_ids):
                continue
            assert heard == [HOST]
        silent = await next_told()

    assert silent.host_ids == []
    assert silent.gateway_id == first.gateway_id


async def test_a_stopping_gateway_closes_its_agents(start_gateway, jobs):
    async with start_gateway() as gateway, connected(gateway) as socket:
        await hello(socket)
        gateway.stop.set()

        assert await closed_with(socket) == 1012


async def test_an_agents_token_opens_nothing_else(gateway, jobs):
    await gateway.call("GET", "/api/v1/hosts", token=TOKEN, status=403)
    await gateway.call("GET", "/api/v1/hosts", token="kwa_wrong", status=401)


async def test_an_agent_that_falls_silent_is_let_go(gateway, jobs, monkeypatch):
    monkeypatch.setattr(agent_frames, "SILENCE_SECONDS", 0.5)
    async with connected(gateway) as socket:
        await hello(socket)

        assert await closed_with(socket) == 1001

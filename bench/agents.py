"""Many agents on one gateway: memory of each connection, and how soon all are back after a restart."""

import asyncio
import resource
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import click

from bench import figures
from bench.memory import KILOBYTE, pss
from bench.system import System, running

AT_ONCE = 100


@click.command()
@click.option("--agents", default=5_000)
@click.option("--rest", default=20, help="Seconds with all of them connected before memory is looked at.")
def agents(agents: int, rest: int) -> None:
    """Memory per connected agent on one gateway, and seconds until all are back after its restart."""
    with _files(agents), running() as system:
        found = asyncio.run(_measure(system, agents, rest))
    for name, value in found.items():
        click.echo(f"{name}: {value}")
    click.echo(figures.keep("agents", {"agents": agents, "rest_seconds": rest}, found))


async def _measure(system: System, count: int, rest: int) -> dict[str, Any]:
    gateway = system.processes[-1].pid
    async with _session(system) as session:
        tokens = await _tokens(system, session, count)
        before = pss(gateway)
        begun = time.monotonic()
        sockets = await _connect_all(session, tokens)
        connected = time.monotonic() - begun
        beating = asyncio.create_task(_beat(sockets))
        await asyncio.sleep(rest)
        after = pss(gateway)
        beating.cancel()
        back, ready = await _restart(system, session, tokens)
    return {
        "kilobytes an agent": round((after - before) / count / KILOBYTE, 1),
        "seconds until all were connected": round(connected, 2),
        "seconds from the end of the gateway until another was ready": round(ready, 2),
        "seconds from there until all were back": round(back, 2),
        "gateway megabytes before": round(before / KILOBYTE / KILOBYTE, 1),
        "gateway megabytes after": round(after / KILOBYTE / KILOBYTE, 1),
    }


async def come_and_stay(system: System, count: int, rest: int, watched: AbstractContextManager[None]) -> None:
    """Connect so many agents and keep them for so many seconds, with `watched` open meanwhile."""
    with _files(count):
        async with _session(system) as session:
            tokens = await _tokens(system, session, count)
            with watched:
                sockets = await _connect_all(session, tokens)
                beating = asyncio.create_task(_beat(sockets))
                await asyncio.sleep(rest)
            beating.cancel()
            await asyncio.gather(*(socket.close() for socket in sockets))


def _session(system: System) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(system.url, connector=aiohttp.TCPConnector(limit=0))


async def _tokens(system: System, session: aiohttp.ClientSession, count: int) -> list[str]:
    """Make so many hosts; the tokens of their agents."""
    headers, tokens = {"Authorization": f"Bearer {system.token}"}, []
    for number in range(count):
        async with session.post("/api/v1/hosts", json={"name": f"host-{number}"}, headers=headers) as answer:
            answer.raise_for_status()
            tokens.append((await answer.json())["agent_token"])
    return tokens


@contextmanager
def _files(agents: int) -> Iterator[None]:
    """Room for a socket each, here and in the gateway."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(agents + 2000, hard)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _restart(system: System, session: aiohttp.ClientSession, tokens: list[str]) -> tuple[float, float]:
    """Seconds until all were back on a new gateway, and before that until it was ready."""
    begun = time.monotonic()
    await asyncio.to_thread(system.restart_gateway)
    ready = time.monotonic()
    sockets = await _connect_all(session, tokens)
    back = time.monotonic()
    await asyncio.gather(*(socket.close() for socket in sockets))
    return back - ready, ready - begun


async def _connect_all(session: aiohttp.ClientSession, tokens: list[str]) -> list[aiohttp.ClientWebSocketResponse]:
    room = asyncio.Semaphore(AT_ONCE)
    return await asyncio.gather(*(_connect(session, token, room) for token in tokens))


async def _connect(
    session: aiohttp.ClientSession, token: str, room: asyncio.Semaphore
) -> aiohttp.ClientWebSocketResponse:
    async with room:
        socket = await session.ws_connect("/agent/v1/ws", headers={"Authorization": f"Bearer {token}"})
        hello = {"type": "hello", "id": str(uuid4()), "agent_version": "0.1.0", "restic_version": "0.18.0",
                 "os": "Debian", "engines": ["restic"], "running": [], "spooled": [],
                 "sent_at": "2026-01-01T00:00:00Z"}  # fmt: skip
        await socket.send_json(hello)
        await socket.receive_json()
        return socket


async def _beat(sockets: list[aiohttp.ClientWebSocketResponse]) -> None:
    while True:
        await asyncio.sleep(15)
        for socket in sockets:
            await socket.send_json({"type": "heartbeat", "id": str(uuid4())})

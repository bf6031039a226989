"""Many agents on one gateway: memory of each connection, and how soon all are back after a restart."""

import asyncio
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import click

from bench import figures
from bench.system import System, running

AT_ONCE = 100
KILOBYTE = 1024


@click.command()
@click.option("--agents", default=1_000)
@click.option("--rest", default=20, help="Seconds with all of them connected before memory is looked at.")
def agents(agents: int, rest: int) -> None:
    """Memory per connected agent on one gateway, and seconds until all are connected."""
    with running() as system:
        found = asyncio.run(_measure(system, agents, rest))
    for name, value in found.items():
        click.echo(f"{name}: {value}")
    click.echo(figures.keep("agents", {"agents": agents, "rest_seconds": rest}, found))


async def _measure(system: System, count: int, rest: int) -> dict[str, Any]:
    gateway = system.processes[-1].pid
    headers = {"Authorization": f"Bearer {system.token}"}
    async with aiohttp.ClientSession(system.url, connector=aiohttp.TCPConnector(limit=0)) as session:
        tokens = []
        for number in range(count):
            async with session.post("/api/v1/hosts", json={"name": f"host-{number}"}, headers=headers) as answer:
                answer.raise_for_status()
                tokens.append((await answer.json())["agent_token"])
        before = pss(gateway)
        begun = time.monotonic()
        room = asyncio.Semaphore(AT_ONCE)
        sockets = await asyncio.gather(*(_connect(session, token, room) for token in tokens))
        connected = time.monotonic() - begun
        beating = asyncio.create_task(_beat(sockets))
        await asyncio.sleep(rest)
        after = pss(gateway)
        beating.cancel()
        await asyncio.gather(*(socket.close() for socket in sockets))
    return {
        "kilobytes an agent": round((after - before) / count / KILOBYTE, 1),
        "seconds until all were connected": round(connected, 2),
        "gateway megabytes before": round(before / KILOBYTE / KILOBYTE, 1),
        "gateway megabytes after": round(after / KILOBYTE / KILOBYTE, 1),
    }


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


def pss(pid: int) -> int:
    """Bytes of memory of a process, what it shares counted in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * KILOBYTE

"""Requests from a process of its own: bodies made beforehand, on connections that stay."""

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import uvloop

ACCEPTED = {200, 201, 202}


@dataclass(frozen=True)
class Target:
    """Where requests go."""

    port: int
    path: str
    token: str | None = None

    def head(self, size: int) -> bytes:
        """A request up to its body."""
        authorization = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{authorization}"
            f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        ).encode()


@dataclass(frozen=True)
class Sent:
    """When a request was begun, and when it was answered; seconds since the epoch."""

    begun: float
    ended: float


def send(target: Target, bodies: Sequence[bytes], connections: int, per_second: float | None = None) -> list[Sent]:
    """Send these bodies in turn on so many connections, at once or in a steady pace; when each was answered.

    Ends with an error when one is not accepted.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_send, (target, bodies, connections, per_second))


def _send(*asked: Any) -> list[Sent]:
    return uvloop.run(_send_all(*asked))


async def _send_all(target: Target, bodies: Sequence[bytes], connections: int, per_second: float | None) -> list[Sent]:
    waiting = iter(enumerate(bodies))
    sent: dict[int, Sent] = {}
    start = time.time()

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        for place, body in waiting:
            if per_second:
                await asyncio.sleep(start + place / per_second - time.time())
            begun = time.time()
            writer.write(target.head(len(body)) + body)
            status = await _answer(reader)
            if status not in ACCEPTED:
                raise SystemExit(f"{target.path} answered {status}")
            sent[place] = Sent(begun, time.time())
        writer.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return [sent[place] for place in range(len(bodies))]


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    if b"content-length:" in head:
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n", 1)[0]))
    return status

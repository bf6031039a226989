"""A webhook receiver in a process of its own that does nothing but stamp what arrives."""

import asyncio
import multiprocessing
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import cast

import uvloop

MARKER = re.compile(rb"marker-\d{7}")
"""What tells alerts apart, somewhere in their text."""


def marker(number: int) -> str:
    """The mark of one alert."""
    return f"marker-{number:07d}"


class Receiver:
    """The process that receives; `port` is where."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.port: int = pipe.recv()

    def count(self) -> int:
        """How many alerts have arrived."""
        self._pipe.send("count")
        return self._pipe.recv()

    def arrivals(self) -> dict[str, float]:
        """When each alert came first, by its marker; seconds since the epoch."""
        self._pipe.send("arrivals")
        return self._pipe.recv()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback, until the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs,))
    process.start()
    try:
        yield Receiver(ours)
    finally:
        process.terminate()
        process.join()


def _run(pipe: Connection) -> None:
    uvloop.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    arrived: dict[str, float] = {}
    server = await asyncio.get_running_loop().create_server(lambda: _Protocol(arrived), "127.0.0.1", 0, backlog=1024)
    pipe.send(server.sockets[0].getsockname()[1])
    while True:
        asked = await asyncio.to_thread(pipe.recv)
        pipe.send(len(arrived) if asked == "count" else arrived)


class _Protocol(asyncio.Protocol):
    def __init__(self, arrived: dict[str, float]) -> None:
        self._arrived, self._unread = arrived, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's own is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            head = self._unread[:end].lower() + b"\r\n"
            whole = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n", 1)[0])
            if len(self._unread) < whole:
                return
            for found in MARKER.findall(self._unread[end:whole]):
                self._arrived.setdefault(found.decode(), time.time())
            self._unread = self._unread[whole:]
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

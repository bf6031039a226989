"""A way between two processes that can be cut, held, slowed, left half open or broken off in the middle."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 64 * 1024


class TcpProxy:
    """Carries bytes from its own port to another, as a network does: well, until told otherwise.

    Everything told holds for all connections, those that are there and those that come.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._flows: set[asyncio.Task[None]] = set()
        self._asking, self._answering = asyncio.Event(), asyncio.Event()
        self.resume()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.delay_seconds = 0.0
        self.drop_after_bytes: int | None = None
        """So many more bytes pass, both ways together; then the connection that carried the last of them is cut."""

    async def open(self) -> None:
        """Take connections, at the same port as before."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Reset every connection and refuse new ones, until `open`."""
        if self._server:
            self._server.close()
        self._server = None
        for flow in list(self._flows):
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    def pause(self) -> None:
        """Half open: nothing passes and nobody is told, until `resume`; what was sent meanwhile then arrives."""
        self._asking.clear()
        self._answering.clear()

    def hold_answers(self) -> None:
        """What clients send passes, what they would hear does not, until `resume`."""
        self._answering.clear()

    def resume(self) -> None:
        """Let it flow again."""
        self._asking.set()
        self._answering.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._flows.add(task)
        other: asyncio.StreamWriter | None = None
        try:
            far, other = await asyncio.open_connection(*self._target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, other, self._asking))
                both.create_task(self._pump(far, writer, self._answering))
        except* (OSError, _CutError, asyncio.CancelledError):
            pass  # the connection is over, for whichever reason
        finally:
            self._flows.discard(task)
            for each in (writer, other):
                if each is not None:
                    # At once and with a reset, as when a machine dies: nobody gets to say goodbye.
                    each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event) -> None:
        while data := await reader.read(CHUNK):
            await flowing.wait()
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            if self.drop_after_bytes is not None:
                data, cut = data[: self.drop_after_bytes], len(data) >= self.drop_after_bytes
                self.drop_after_bytes = None if cut else self.drop_after_bytes - len(data)
                writer.write(data)
                await writer.drain()
                if cut:
                    raise _CutError
                continue
            writer.write(data)
            await writer.drain()
        # The other side may still be speaking.
        with suppress(OSError):
            writer.write_eof()


class _CutError(Exception):
    pass


@asynccontextmanager
async def tcp_proxy(host: str, port: int) -> AsyncIterator[TcpProxy]:
    """A proxy to this address for as long as the block lasts."""
    proxy = TcpProxy(host, port)
    await proxy.open()
    try:
        yield proxy
    finally:
        proxy.resume()
        await proxy.cut()

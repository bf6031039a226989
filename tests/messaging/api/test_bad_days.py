import asyncio
from urllib.parse import urlsplit, urlunsplit

import pytest

from services.api.server import bind
from services.api.settings import Settings
from shared.asks.ask import Page
from shared.asks.hosts import ListHosts
from shared.environment import SettingError

PASSWORD = "another-long-password"


class Cable:
    """A cable to a server, which can be pulled."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._ends: set[asyncio.StreamWriter] = set()
        self._port = 0
        self._flows = asyncio.Event()
        self._flows.set()

    async def plug(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def pull(self) -> None:
        self._server.close()
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def hold(self) -> None:
        """What is sent from now on arrives nowhere, and nobody hangs up."""
        self._flows.clear()

    def release(self) -> None:
        self._flows.set()

    @property
    def url(self) -> str:
        userinfo, at, _ = self._target.netloc.rpartition("@")
        return urlunsplit(self._target._replace(netloc=f"{userinfo}{at}127.0.0.1:{self._port}"))

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._ends |= {writer, far_writer}
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@pytest.mark.parametrize("what", ["database", "nats"])
async def test_while_a_server_is_away_requests_are_503_and_then_all_is_well_again(settings, start_gateway, bus, what):
    await bus.answer(ListHosts, Page(items=[]))
    cable = Cable(settings.database_url if what == "database" else settings.nats_url[0])
    await cable.plug()
    changes = {"database_url": cable.url} if what == "database" else {"nats_url": [cable.url]}
    async with start_gateway(**changes) as gateway:
        await cable.pull()
        away = await gateway.call("GET", "/api/v1/hosts", token="kw_test-admin-token")
        ready = await gateway.call("GET", "/readyz", token="")
        assert (away.status, ready.status) == (503, 503)
        assert int(away.headers["Retry-After"]) > 0
        assert list(ready.body["failed"]) == [what]

        await cable.plug()
        async with asyncio.timeout(20):
            while (await gateway.call("GET", "/api/v1/hosts")).status != 200:
                await asyncio.sleep(0.1)
    await cable.pull()


async def test_a_password_changed_in_the_environment_is_applied_and_one_changed_by_hand_stays(start_gateway):
    async def status(gateway, password):
        form = {"username": "admin", "password": password}
        return (await gateway.call("POST", "/login", token="", data=form)).status

    async with start_gateway() as gateway:
        (admin,) = (await gateway.call("GET", "/api/v1/users", status=200)).body["items"]
        change = {"password": "changed-by-hand"}
        await gateway.call("PATCH", f"/api/v1/users/{admin['id']}", json=change, status=200)
    async with start_gateway() as gateway:
        assert await status(gateway, "changed-by-hand") == 303
    async with start_gateway(admin_password=PASSWORD) as gateway:
        assert await status(gateway, "changed-by-hand") == 401
        assert await status(gateway, PASSWORD) == 303


async def test_a_port_in_use_is_one_sentence(gateway, settings: Settings):
    with pytest.raises(SettingError, match=r"Cannot listen on 127\.0\.0\.1 port"):
        bind("127.0.0.1", urlsplit(gateway.url).port)


async def test_a_database_that_falls_silent_is_503_and_not_a_request_without_end(settings, start_gateway):
    cable = Cable(settings.database_url)
    await cable.plug()
    async with start_gateway(database_url=cable.url) as gateway:
        await gateway.call("GET", "/api/v1/tokens", status=200)
        cable.hold()
        async with asyncio.timeout(20):
            await gateway.call("GET", "/api/v1/tokens", status=503)

        cable.release()
        async with asyncio.timeout(20):
            while (await gateway.call("GET", "/api/v1/tokens")).status != 200:
                await asyncio.sleep(0.1)
    await cable.pull()

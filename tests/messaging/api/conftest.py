"""The real gateway on a real PostgreSQL and NATS; the owners' side of the bus is the tests' own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import nats
import pytest
from nats.aio.client import Client

from services.api.app import serve_gateway
from services.api.server import bind
from services.api.settings import Settings
from shared import streams
from shared.asks.ask import Ask
from shared.migrate import migrate_database
from tests.settled import settle

ADMIN_TOKEN = "kw_test-admin-token"
ADMIN_PASSWORD = "a-long-admin-password"


@dataclass
class Gateway:
    """A running gateway and a client of it."""

    url: str
    http: aiohttp.ClientSession
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def call(self, method: str, path: str, *, token: str = ADMIN_TOKEN, status: int | None = None, **more: Any):
        """Status, headers and body of an answer; the status is checked where it is given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        async with self.http.request(method, self.url + path, headers=headers, allow_redirects=False, **more) as answer:
            body = await (answer.json(content_type=None) if "json" in answer.content_type else answer.text())
            assert status in {None, answer.status}, (answer.status, body)
            return Answered(answer.status, answer.headers, body)


@dataclass
class Answered:
    status: int
    headers: Any
    body: Any


@dataclass
class Bus:
    """The owners' side: answers, and what was asked."""

    client: Client
    asked: list[Ask[Any]]
    answering: dict[type[Ask[Any]], Any] = field(default_factory=dict)
    replying: set[asyncio.Task[None]] = field(default_factory=set)

    async def answer(self, question: type[Ask[Any]], answer: Any):
        """Answer this question from now on, with a value or with what a function of the question returns."""

        async def reply(message: Any) -> None:
            asked = question.model_validate_json(message.data)
            self.asked.append(asked)
            found = answer(asked) if callable(answer) else answer
            found = await found if asyncio.iscoroutine(found) else found
            await message.respond(question.encode_answer(found))

        async def reply_by_the_way(message: Any) -> None:
            """One that takes long keeps no other waiting."""
            task = asyncio.create_task(reply(message))
            self.replying.add(task)
            task.add_done_callback(self.replying.discard)

        subscription = await self.client.subscribe(question.subject, queue="owner", cb=reply_by_the_way)
        self.answering[question] = subscription
        await settle(self.client)

    async def silence(self, question: type[Ask[Any]]) -> None:
        """Answer this question no more."""
        await self.answering.pop(question).unsubscribe()
        await settle(self.client)

    def questions(self, question: type[Ask[Any]]) -> list[Any]:
        return [asked for asked in self.asked if isinstance(asked, question)]


async def eventually(check, seconds: float = 15.0):
    """What `check` returns once it is true; waits for it."""
    async with asyncio.timeout(seconds):
        while True:
            found = check()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def migrated_template(empty_database_of) -> str:
    """The gateway needs no more than its own schema."""
    url = empty_database_of()
    migrate_database(url, ("api",))
    return urlsplit(url).path[1:]


@pytest.fixture
def settings(database_url: str, nats_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        nats_url=[nats_url],
        secret_key="k" * 40,
        admin_token=ADMIN_TOKEN,
        admin_password=ADMIN_PASSWORD,
        demo=True,
    )


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    client = await nats.connect(nats_url)
    await streams.ensure(client.jetstream(timeout=5), 1)
    yield Bus(client, [])
    await client.close()


@pytest.fixture
def start_gateway(settings: Settings, bus: Bus):
    """Starts a gateway; more than one may run."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Gateway]:
        stop = asyncio.Event()
        with bind("127.0.0.1", 0) as bound:
            url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            changed = Settings.model_validate(settings.model_dump() | changes)
            task = asyncio.create_task(serve_gateway(changed, bound, stop))
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
                gateway = Gateway(url, http, stop, task)
                ready = asyncio.create_task(eventually(lambda: _ready(gateway)))
                await asyncio.wait({ready, task}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    yield gateway
                ready.cancel()
                stop.set()
                await task

    return start


async def _ready(gateway: Gateway) -> bool:
    try:
        answer = await gateway.call("GET", "/readyz")
    except aiohttp.ClientConnectionError:
        return False
    return answer.status == 200


@pytest.fixture
async def gateway(start_gateway) -> AsyncIterator[Gateway]:
    async with start_gateway() as started:
        yield started

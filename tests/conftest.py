"""What every test may ask for: a real PostgreSQL and a real NATS, started once per test process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import psycopg
import pytest
import standardwebhooks
from aiohttp import web

from shared import db
from shared.events import AlertAcked, AlertEvent, AlertRaised, AlertResolved
from shared.migrate import migrate_database
from tests.servers import Servers, chosen

pytest_plugins = ["tests.installation"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the tests under faults may be told."""
    parser.addoption("--seconds", type=float, default=60, help="tests/faults: how long the random run may take")
    parser.addoption("--seed", type=int, help="tests/faults: repeats the load and the faults of a run")


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One PostgreSQL and one NATS for all tests of this process."""
    with chosen(tmp_path_factory.mktemp("infra")) as servers:
        yield servers


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def empty_database_of(infra: Servers):
    """Makes an empty database, optionally as a copy of another; gives its URL."""

    def make(template: str = "template1") -> str:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(infra.postgres_dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return _named(infra.postgres_dsn, name)

    return make


@pytest.fixture(scope="session")
def migrated_template(empty_database_of) -> str:
    """The name of a database with every migration applied, to be copied."""
    url = empty_database_of()
    migrate_database(url)
    return urlsplit(url).path[1:]


@pytest.fixture
def database_url(infra: Servers, empty_database_of, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    url = empty_database_of(migrated_template)
    yield url
    with psycopg.connect(infra.postgres_dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool to the test's own database, as the services open it."""
    async with db.open_pool(database_url, "test") as opened:
        yield opened


@pytest.fixture
def nats_url(infra: Servers, tmp_path: Path) -> Iterator[str]:
    """A NATS of the test's own: the stream's name is fixed, so tests can't share one."""
    with infra.empty_nats(tmp_path) as url:
        yield url


@dataclass(frozen=True)
class Call:
    """One webhook that came in."""

    headers: dict[str, str]
    body: dict
    text: str

    def verify(self, secret: str) -> None:
        """Raises when it was not signed with this secret."""
        standardwebhooks.Webhook(secret).verify(self.text, self.headers)


@dataclass
class Receiver:
    """Somebody else's webhook endpoint: records every call and answers as told, else 200."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: deque[web.Response] = field(default_factory=deque)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: calls are recorded and get no answer until it is set."""

    async def receive(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.calls.append(Call(dict(request.headers), await request.json(), text))
        await self.open.wait()
        return self.answers.popleft() if self.answers else web.Response(text="thank you")

    async def has(self, count: int) -> list[Call]:
        """The calls, once there are this many."""
        async with asyncio.timeout(20):
            while len(self.calls) < count:
                await asyncio.sleep(0.01)
        return self.calls


@pytest.fixture
async def receive() -> AsyncIterator[Callable]:
    """Makes recording receivers on loopback."""
    runners = []
    receivers = []

    async def make() -> Receiver:
        receiver = Receiver()
        receiver.open.set()
        app = web.Application()
        app.router.add_post("/hook", receiver.receive)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        receivers.append(receiver)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        return receiver

    yield make
    for receiver in receivers:
        receiver.open.set()
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def alert_event() -> Callable[..., AlertEvent]:
    """Makes the announcement of a transition; `alert` holds what is special about the alert."""
    events = {"raised": AlertRaised, "acked": AlertAcked, "resolved": AlertResolved}
    states = {"raised": "open", "acked": "acked", "resolved": "resolved"}
    at = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)

    def make(change: str, alert_id: UUID, version: int = 1, **alert) -> AlertEvent:
        snapshot = {
            "id": alert_id,
            "version": version,
            "host_id": uuid4(),
            "host_name": "web-01",
            "host_labels": {},
            "kind": "backup_failed",
            "dedup_key": "mail",
            "source_group_id": None,
            "source_group_name": "mail",
            "severity": "warning",
            "title": "web-01 / mail: backup failed",
            "state": states[change],
            "occurrences": 1,
            "first_seen_at": at,
            "last_seen_at": at,
        }
        absent = (
            "message hint error_class last_success_at acked_at acked_by resolved_at resolved_by note resolution"
            " raised_job_id resolved_job_id"
        )
        return events[change](
            event_id=uuid4(),
            alert_id=alert_id,
            version=version,
            at=at,
            actor=None,
            note=None,
            alert=dict.fromkeys(absent.split()) | snapshot | alert,
        )

    return make

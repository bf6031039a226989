"""Faults: how long, with which seed, and what each run came to."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from tests.faults.judge import Verdict, judge
from tests.faults.load import Clients, Key, Load
from tests.faults.receiver import Listener, Manner, Receiver, listening
from tests.faults.system import System, running, seed_of
from tests.tcp_proxy import tcp_proxy

VERDICT = "what came of the faults"
HERE = Path(__file__).parent
HOSTS, GROUPS = 6, 4


def pytest_configure(config):
    config.addinivalue_line("markers", "faults: one of the whole matrix of faults; left out unless asked for by -m")


def pytest_collection_modifyitems(config, items):
    ours = [item for item in items if HERE in item.path.parents]
    seconds = config.getoption("--seconds", default=60)
    for item in ours:
        item.add_marker(pytest.mark.timeout(seconds + 420))
    if "faults" not in config.option.markexpr:
        matrix = [item for item in ours if item.get_closest_marker("faults")]
        config.hook.pytest_deselected(items=matrix)
        items[:] = [item for item in items if item not in matrix]


def pytest_terminal_summary(terminalreporter, config):
    # By way of the reports, since with several processes they alone come to the one that prints.
    reports = [report for kept in terminalreporter.stats.values() for report in kept if hasattr(report, "when")]
    found = [dict(report.user_properties) for report in reports if report.when == "call"]
    if lines := [properties[VERDICT] for properties in found if VERDICT in properties]:
        terminalreporter.section(VERDICT)
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture
def seed(pytestconfig) -> int:
    """Repeats the load and the faults of a run; what is said at its end names it."""
    return seed_of(pytestconfig.getoption("--seed"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory) -> AsyncIterator[System]:
    """One system for all tests of a module."""
    async with running(tmp_path_factory.mktemp("faults")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver(system: System) -> AsyncIterator[Receiver]:
    """Receives for every channel."""
    async with listening(random.Random(0)) as found, tcp_proxy("127.0.0.1", found.port) as system.to_receiver:
        found.moody_port = system.to_receiver.port
        yield found


@pytest.fixture
def under_load(system: System, receiver: Receiver, seed: int, request):
    """Runs a load on hosts of its own while something is done to the system, and judges what came of it."""

    async def run(disturb: Callable[[System, random.Random], Awaitable[None]], **load: float) -> Verdict:
        rng = random.Random(seed)
        system.faults.clear()
        timeout = aiohttp.ClientTimeout(total=15, sock_connect=3)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
            clients = Clients(session, system.urls, system.keepwatch.admin_token, rng)
            verdict = Verdict(request.node.name, seed, faults=system.faults)
            async with _channels(clients, receiver, f"{seed}-{len(receiver.listeners)}") as listeners:
                keys = [
                    Key(f"{listeners[0].name}-host-{host}", f"group-{group}", hasty=group == 0)
                    for host in range(HOSTS)
                    for group in range(GROUPS)
                ]
                stop = asyncio.Event()
                working = asyncio.create_task(Load(clients, keys, rng, **load).run(stop))
                try:
                    await disturb(system, rng)
                finally:
                    stop.set()
                # Who waits for something to settle that never does is ended with the judge's patience.
                database = await _database(system)
                try:
                    await asyncio.wait([working], timeout=120)
                    if not working.done():
                        working.cancel()
                        verdict.wrong.append("the load did not end: what had been reported never showed")
                    else:
                        working.result()
                    return await judge(verdict, clients, keys, listeners, database)
                finally:
                    # A run that breaks names its seed as well.
                    request.node.user_properties.append((VERDICT, str(verdict)))
                    await database.close()

    return run


async def _database(system: System) -> asyncpg.Connection:
    async with asyncio.timeout(60):
        while True:
            try:
                return await asyncpg.connect(system.postgres.dsn, timeout=5)
            except (OSError, asyncpg.PostgresError, TimeoutError):
                await asyncio.sleep(0.2)


@asynccontextmanager
async def _channels(clients: Clients, receiver: Receiver, name: str) -> AsyncIterator[list[Listener]]:
    """A channel for each manner of receivers."""
    listeners = [Listener(f"{name}-{manner.value}", manner) for manner in Manner]
    for listener in listeners:
        receiver.listeners[listener.name] = listener
        body = {
            "name": listener.name,
            "kind": "webhook",
            "config": {"url": receiver.url(listener)},
            "at_most_once": listener.manner is Manner.ONCE,
        }
        status, channel = await clients.call("POST", "/channels", body)
        assert status == 201, channel
        listener.secret, listener.channel_id = channel["signing_secret"], channel["id"]
    yield listeners
    for listener in listeners:
        await clients.call("DELETE", f"/channels/{listener.channel_id}")

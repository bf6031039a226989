"""A process whose connection to NATS is dead for good ends, so that whoever watches over it starts another."""

import asyncio
import sys
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from tests.tcp_proxy import tcp_proxy

PROCESS = """
import asyncio, sys
import nats
from shared import connection

connection.RTT_SECONDS = 0.2

async def main():
    by_proxy, direct = sys.argv[1:]
    client = await nats.connect([by_proxy], max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    print("connected", flush=True)
    await connection.watch_over(client, [direct], asyncio.Event())

asyncio.run(main())
"""
NOWHERE = "nats://127.0.0.1:9"
LONGER_THAN_ITS_PATIENCE = 3.0


@pytest.fixture
async def proxy(nats_url):
    parts = urlsplit(nats_url)
    async with tcp_proxy(parts.hostname, parts.port) as found:
        yield found


@pytest.fixture
def process(nats_url, proxy):
    """A process that is connected by the proxy; `direct` is the address at which it looks whether NATS is there."""

    @asynccontextmanager
    async def start(direct: str = nats_url):
        parts = urlsplit(nats_url)
        by_proxy = parts._replace(
            netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}".lstrip("@")
        ).geturl()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROCESS, by_proxy, direct, stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        assert await asyncio.wait_for(child.stdout.readline(), 20) == b"connected\n"
        yield child
        if child.returncode is None:
            child.kill()
        await child.wait()

    return start


async def test_one_that_cannot_come_back_though_nats_is_there_ends(process, proxy):
    async with process() as child:
        await proxy.cut()
        assert await asyncio.wait_for(child.wait(), 20) == 70


async def test_one_that_is_connected_and_hears_nothing_ends(process, proxy):
    async with process() as child:
        proxy.pause()
        assert await asyncio.wait_for(child.wait(), 20) == 70


async def test_while_nats_is_away_nobody_ends(process, proxy):
    async with process(direct=NOWHERE) as child:
        await proxy.cut()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(child.wait(), LONGER_THAN_ITS_PATIENCE)
        await proxy.open()
        await asyncio.sleep(LONGER_THAN_ITS_PATIENCE / 2)
        assert child.returncode is None

"""What is done to a system: each fault by its name, at a random moment, for a random while."""

import asyncio
import random
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable

import nats
import nats.errors
import nats.js.errors

from shared.streams import DURABLES, STREAM
from tests.faults.system import SERVICES, System
from tests.tcp_proxy import TcpProxy

Fault = Callable[[System, random.Random], Awaitable[None]]
LONGER_THAN_A_LEASE = 35.0


def _kill(service: str) -> Fault:
    async def fault(system: System, rng: random.Random) -> None:
        system.kill(rng.choice(system.names(service)))

    return fault


def _freeze(service: str, least: float, most: float) -> Fault:
    async def fault(system: System, rng: random.Random) -> None:
        async with system.frozen(rng.choice(system.names(service))):
            await asyncio.sleep(rng.uniform(least, most))

    return fault


def _nats(how: signal.Signals, *, forget: bool = False) -> Fault:
    async def fault(system: System, rng: random.Random) -> None:
        async with system.down(system.nats, how, forget=forget):
            await asyncio.sleep(rng.uniform(0, 2))

    return fault


async def _go_back(system: System, rng: random.Random) -> None:
    """NATS loses its last seconds, as when the power fails before the disk has them, and goes on from there."""
    stored, kept = system.nats.folder / "jetstream", system.nats.folder / "kept"
    async with system.down(system.nats, signal.SIGKILL):
        await asyncio.to_thread(subprocess.run, ["cp", "-a", stored, kept], check=True)
    await asyncio.sleep(rng.uniform(1, 4))
    async with system.down(system.nats, signal.SIGKILL):
        await asyncio.to_thread(shutil.rmtree, stored)
        kept.rename(stored)


def _postgres(how: signal.Signals) -> Fault:
    async def fault(system: System, rng: random.Random) -> None:
        async with system.down(system.postgres, how):
            await asyncio.sleep(rng.uniform(0, 2))

    return fault


def _link(which: Callable[[System], TcpProxy], disturb: Callable[[TcpProxy, random.Random], Awaitable[None]]) -> Fault:
    async def fault(system: System, rng: random.Random) -> None:
        await disturb(which(system), rng)

    return fault


async def _cut(proxy: TcpProxy, rng: random.Random) -> None:
    await proxy.cut()
    await asyncio.sleep(rng.uniform(0, 2))
    await proxy.open()


async def _half_open(proxy: TcpProxy, rng: random.Random) -> None:
    proxy.pause()
    await asyncio.sleep(rng.uniform(0.5, 8))
    proxy.resume()


async def _slow(proxy: TcpProxy, rng: random.Random) -> None:
    proxy.delay_seconds = rng.uniform(0.005, 0.05)
    await asyncio.sleep(rng.uniform(1, 3))
    proxy.delay_seconds = 0


async def _break_off(proxy: TcpProxy, rng: random.Random) -> None:
    proxy.drop_after_bytes = rng.randint(1, 100_000)


async def _redeliver(system: System, _: random.Random) -> None:
    """The consumers are lost: whoever makes them anew is given the whole stream once more."""
    client = await nats.connect(system.nats.url, connect_timeout=2, allow_reconnect=False)
    try:
        for durable in DURABLES:
            await client.jetstream(timeout=5).delete_consumer(STREAM, durable.name)
    except (nats.js.errors.Error, nats.errors.Error):
        pass  # it is just away, or they are
    finally:
        await client.close()


def _postgres_link(system: System) -> TcpProxy:
    return system.to_postgres


def _nats_link(system: System) -> TcpProxy:
    return system.to_nats


def _receiver_link(system: System) -> TcpProxy:
    return system.to_receiver


FAULTS: dict[str, Fault] = {
    **{f"kill {service}": _kill(service) for service in SERVICES},
    **{f"freeze {service}": _freeze(service, 1, 6) for service in SERVICES},
    "kill nats": _nats(signal.SIGKILL),
    "restart nats": _nats(signal.SIGTERM),
    "nats forgets": _nats(signal.SIGKILL, forget=True),
    "nats goes back": _go_back,
    "kill postgres": _postgres(signal.SIGKILL),
    "restart postgres": _postgres(signal.SIGQUIT),
    "cut postgres": _link(_postgres_link, _cut),
    "cut nats": _link(_nats_link, _cut),
    "postgres half open": _link(_postgres_link, _half_open),
    "nats half open": _link(_nats_link, _half_open),
    "slow postgres": _link(_postgres_link, _slow),
    "slow nats": _link(_nats_link, _slow),
    "break off postgres": _link(_postgres_link, _break_off),
    "break off nats": _link(_nats_link, _break_off),
    "receivers away": _link(_receiver_link, _cut),
    "receivers half open": _link(_receiver_link, _half_open),
    "slow receivers": _link(_receiver_link, _slow),
    "break off receivers": _link(_receiver_link, _break_off),
    "full redelivery": _redeliver,
}
LONG_FREEZES: dict[str, Fault] = {
    "freeze notifier past its lease": _freeze("notifier", LONGER_THAN_A_LEASE, LONGER_THAN_A_LEASE),
    "freeze alerts past its shares": _freeze("alerts", 20, 20),
}


async def disturb(system: System, name: str, fault: Fault, rng: random.Random) -> None:
    """Do it, and count it."""
    system.faults[name] += 1
    await fault(system, rng)

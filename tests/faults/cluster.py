"""Three NATS servers on loopback that hold three copies of everything."""

import asyncio
import secrets
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nats
import nats.errors
import nats.js.errors

from cli.embedded.kept import free_port
from cli.embedded.nats import _program
from shared.streams import STREAM

NODES = ("one", "two", "three")
WAIT_SECONDS = 60
ATTEMPTS = 3
PORT_TAKEN = "address already in use"
CONFIGURATION = """\
server_name: {name}
listen: "127.0.0.1:{port}"
max_payload: 8MB
feature_flags {{ js_ack_fc_v2: false }}
authorization {{ user: "keepwatch", password: "{password}" }}
cluster {{
  name: faults
  listen: "127.0.0.1:{route}"
  authorization {{ user: "keepwatch", password: "{password}" }}
  routes: [{routes}]
}}
jetstream {{ store_dir: "{store}", sync_interval: "1s", max_memory_store: 64MB, max_file_store: 4GB }}
"""


class EndedError(Exception):
    """A server ended by itself; with what it said last."""


@dataclass
class Cluster:
    """The servers, each by its name."""

    folder: Path
    password: str
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """All servers, as the services are told."""
        return ",".join(self._url(name) for name in NODES)

    def start(self, name: str) -> None:
        """Start one server on what it had stored."""
        with (self.folder / f"nats-{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(_program(None)), "--config", str(self.folder / f"nats-{name}.conf")],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self.processes[name].kill()
        self.processes.pop(name).wait()

    async def leader(self) -> str:
        """Who leads the stream."""
        return (await self._look(lambda told: bool(told.leader))).leader

    async def whole(self) -> None:
        """Return when the stream has three copies that are up to date."""
        await self._look(
            lambda told: (
                bool(told.leader)
                and len(told.replicas or []) == len(NODES) - 1
                and all(copy.current and not copy.offline for copy in told.replicas)
            )
        )

    async def _look(self, enough):
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            try:
                client = await nats.connect([self._url(name) for name in self.processes], allow_reconnect=False)
                try:
                    told = (await client.jetstream(timeout=2).stream_info(STREAM)).cluster
                finally:
                    await client.close()
                if told and enough(told):
                    return told
            except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError):
                pass  # between two leaders nobody answers
            await asyncio.sleep(0.2)
        raise TimeoutError(f"the cluster did not come to that in {WAIT_SECONDS} s")

    async def ready(self) -> None:
        """Return when JetStream answers.

        Raises:
            EndedError: a server ended instead.
        """
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                try:
                    client = await nats.connect([self._url(name) for name in NODES], allow_reconnect=False)
                    try:
                        await client.jetstream(timeout=2).account_info()
                    finally:
                        await client.close()
                except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError):
                    self._check_that_all_run()
                    await asyncio.sleep(0.2)
                else:
                    self._check_that_all_run()
                    return

    def _check_that_all_run(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise EndedError(f"NATS {name} ended: {self._log(name)}")

    def logs(self) -> str:
        """What the servers said last."""
        return "\n\n".join(f"{name}:\n{self._log(name)}" for name in NODES)

    def _log(self, name: str) -> str:
        return (self.folder / f"nats-{name}.log").read_text()[-2000:]

    async def stop(self) -> None:
        """End the servers."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            await asyncio.to_thread(process.wait, 30)

    def _url(self, name: str) -> str:
        return f"nats://keepwatch:{self.password}@127.0.0.1:{self.ports[name]}"


@asynccontextmanager
async def clustered(folder: Path) -> AsyncIterator[Cluster]:
    """A cluster that answers; its servers end with the block."""
    cluster = await _started(folder)
    try:
        yield cluster
    finally:
        await cluster.stop()


async def _started(folder: Path) -> Cluster:
    """A cluster that answers; on other ports if another process of these tests was quicker to take one."""
    taken: EndedError | None = None
    for attempt in range(ATTEMPTS):
        cluster = _planned(folder / f"attempt-{attempt}")
        for name in NODES:
            cluster.start(name)
        try:
            await cluster.ready()
        except EndedError as error:
            await cluster.stop()
            if PORT_TAKEN not in str(error):
                raise
            taken = error
        except BaseException as error:
            error.add_note(cluster.logs())
            await cluster.stop()
            raise
        else:
            return cluster
    raise EndedError(f"{ATTEMPTS} times in turn somebody was quicker to take one of the ports") from taken


def _planned(folder: Path) -> Cluster:
    folder.mkdir()
    ports, routes = ({name: free_port() for name in NODES} for _ in range(2))
    cluster = Cluster(folder, secrets.token_hex(16), ports)
    for name in NODES:
        (folder / f"nats-{name}.conf").write_text(_configuration(cluster, name, routes))
    return cluster


def _configuration(cluster: Cluster, name: str, routes: dict[str, int]) -> str:
    return CONFIGURATION.format(
        name=name,
        port=cluster.ports[name],
        route=routes[name],
        password=cluster.password,
        routes=", ".join(f'"nats-route://keepwatch:{cluster.password}@127.0.0.1:{port}"' for port in routes.values()),
        store=cluster.folder / f"store-{name}",
    )

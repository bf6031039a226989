"""The containers of compose.yaml: how large, how soon, and how much memory, idle and under load, with one webhook."""

import asyncio
import json
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import aiohttp
import click
from aiohttp import web

from bench import figures
from cli.embedded.kept import free_port

TOP = Path(__file__).parents[1]
IMAGE, BASE = "keepwatch:0.1.0", "python:3.11-slim-bookworm"
FILES = ("compose.yaml", "bench/compose.bench.yaml")
REPORTS_AT_ONCE = 100
DELIVERED_WITHIN_SECONDS = 300
MEGABYTE = 1024 * 1024
UNITS = {"KiB": 1024, "MiB": MEGABYTE, "GiB": 1024 * MEGABYTE, "B": 1}


@click.command()
@click.option("--reports", default=20_000, help="Failures of as many source groups, in requests of 100.")
@click.option("--idle", default=30, help="Seconds of rest before the first look.")
def containers(reports: int, idle: int) -> None:
    """Image size, start time and memory of each service of compose.yaml; needs Docker and the images."""
    size = {name: int(_docker("image", "inspect", "--format", "{{.Size}}", name)) for name in (IMAGE, BASE)}
    with _brought_up() as (compose, url, seconds):
        token = compose("exec", "--no-TTY", "api", "cat", "/run/keepwatch/admin/token").strip()
        time.sleep(idle)
        at_rest = _memory(compose)
        loaded = asyncio.run(_under_load(compose, url, token, reports))
    found = {
        "image_mb": round(size[IMAGE] / MEGABYTE),
        "image_over_its_base_mb": round((size[IMAGE] - size[BASE]) / MEGABYTE),
        "seconds_until_all_is_healthy": round(seconds, 1),
        "reports_a_second": round(reports / loaded.accepted_seconds),
        "deliveries_a_second": round(reports / loaded.delivered_seconds),
        "memory_mb": {name: {"idle": at_rest[name], "highest": loaded.highest[name]} for name in sorted(at_rest)},
    }
    click.echo(json.dumps(found, indent=2))
    click.echo(figures.keep("containers", {"reports": reports, "idle_seconds": idle}, found))


@contextmanager
def _brought_up() -> Iterator[tuple["Compose", str, float]]:
    port = free_port()
    compose = Compose(f"keepwatch-bench-{uuid4().hex[:8]}", port)
    begun = time.monotonic()
    try:
        compose("up", "--detach", "--wait", "--no-build")
        yield compose, f"http://127.0.0.1:{port}", time.monotonic() - begun
    finally:
        compose("down", "--volumes", "--timeout", "10")


class Compose:
    """`docker compose` for one project."""

    def __init__(self, project: str, port: int) -> None:
        files = [part for file in FILES for part in ("--file", str(TOP / file))]
        self._start = ["docker", "compose", "--project-name", project, "--project-directory", str(TOP), *files]
        self._env = os.environ | {"KEEPWATCH_PORT": str(port)}

    def __call__(self, *arguments: str) -> str:
        """Run it; what it printed."""
        done = subprocess.run([*self._start, *arguments], env=self._env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise click.ClickException(done.stderr)
        return done.stdout


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def _memory(compose: Compose) -> dict[str, float]:
    """Megabytes of each service, as the engine counts them: without what is only cached from files."""
    services = dict(line.split() for line in compose("ps", "--format", "{{.ID}} {{.Service}}").splitlines())
    lines = _docker("stats", "--no-stream", "--format", "{{.ID}} {{.MemUsage}}", *services).splitlines()
    found: dict[str, float] = defaultdict(float)
    for line in lines:
        container, used, *_ = line.split()
        found[services[container]] += round(_bytes(used) / MEGABYTE, 1)
    return dict(found)


def _bytes(told: str) -> float:
    unit = next(unit for unit in UNITS if told.endswith(unit))
    return float(told.removesuffix(unit)) * UNITS[unit]


@dataclass(frozen=True)
class Loaded:
    """How it was under load: seconds from the first request to the last answer, and to the last call of the webhook."""

    accepted_seconds: float
    delivered_seconds: float
    highest: dict[str, float]


async def _under_load(compose: Compose, url: str, token: str, reports: int) -> Loaded:
    """The most memory that each service had while so many failures were reported and delivered to one webhook."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers) as session, _receiver() as (port, heard):
        channel = {"name": "bench", "kind": "webhook", "config": {"url": f"http://receiver:{port}/"}}
        async with session.post("/api/v1/channels", json=channel) as answer:
            answer.raise_for_status()
        begun = time.monotonic()
        load = asyncio.create_task(_report(session, reports))
        accepted: list[float] = []
        load.add_done_callback(lambda _: accepted.append(time.monotonic() - begun))
        highest: dict[str, float] = defaultdict(float)
        async with asyncio.timeout(DELIVERED_WITHIN_SECONDS):
            while not load.done() or len(heard) < reports:
                for name, used in (await asyncio.to_thread(_memory, compose)).items():
                    highest[name] = max(highest[name], used)
                if load.done():
                    load.result()
        return Loaded(accepted[0], max(heard.values()) - begun, highest)


@asynccontextmanager
async def _receiver() -> AsyncIterator[tuple[int, dict[str, float]]]:
    """A port that webhooks may be sent to, and when each `webhook-id` first came."""
    heard: dict[str, float] = {}

    async def receive(request: web.Request) -> web.Response:
        await request.read()
        heard.setdefault(request.headers["webhook-id"], time.monotonic())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", receive)
    runner, port = web.AppRunner(app, access_log=None), free_port()
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()
    try:
        yield port, heard
    finally:
        await runner.cleanup()


async def _report(session: aiohttp.ClientSession, reports: int) -> None:
    for first in range(0, reports, REPORTS_AT_ONCE):
        body = [
            {"host": f"host-{n // 10}", "kind": "backup", "source_group": f"group-{n % 10}", "status": "failed"}
            for n in range(first, min(first + REPORTS_AT_ONCE, reports))
        ]
        async with session.post("/api/v1/job-reports?create=1", json={"reports": body}) as answer:
            answer.raise_for_status()

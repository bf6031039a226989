"""The containers of compose.yaml: how large, how soon, and how much memory, idle and under load."""

import asyncio
import json
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
import click

from bench import figures
from cli.embedded.kept import free_port

TOP = Path(__file__).parents[1]
IMAGE, BASE = "keepwatch:0.1.0", "python:3.11-slim-bookworm"
REPORTS_AT_ONCE = 100
MEGABYTE = 1024 * 1024
UNITS = {"KiB": 1024, "MiB": MEGABYTE, "GiB": 1024 * MEGABYTE, "B": 1}


@click.command()
@click.option("--reports", default=20_000, help="Failures of as many source groups, in requests of 100.")
@click.option("--idle", default=30, help="Seconds of rest before the first look.")
def containers(reports: int, idle: int) -> None:
    """Image size, start time and memory of each service of compose.yaml; needs Docker and the images."""
    size = {name: int(_docker("image", "inspect", "--format", "{{.Size}}", name)) for name in (IMAGE, BASE)}
    with _brought_up() as (compose, url, seconds):
        token = compose("exec", "--no-TTY", "api", "cat", "/run/keepwatch/admin_token").strip()
        time.sleep(idle)
        at_rest = _memory(compose)
        begun = time.monotonic()
        highest = asyncio.run(_under_load(compose, url, token, reports))
        took = time.monotonic() - begun
    found = {
        "image_mb": round(size[IMAGE] / MEGABYTE),
        "image_over_its_base_mb": round((size[IMAGE] - size[BASE]) / MEGABYTE),
        "seconds_until_all_is_healthy": round(seconds, 1),
        "reports_a_second": round(reports / took),
        "memory_mb": {name: {"idle": at_rest[name], "highest": highest[name]} for name in sorted(at_rest)},
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
        self._start = ["docker", "compose", "--project-name", project, "--project-directory", str(TOP)]
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


async def _under_load(compose: Compose, url: str, token: str, reports: int) -> dict[str, float]:
    """The most memory that each service had while so many failures were reported."""
    highest: dict[str, float] = defaultdict(float)
    load = asyncio.create_task(_report(url, token, reports))
    while not load.done():
        for name, used in (await asyncio.to_thread(_memory, compose)).items():
            highest[name] = max(highest[name], used)
    await load
    return highest


async def _report(url: str, token: str, reports: int) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers) as session:
        for first in range(0, reports, REPORTS_AT_ONCE):
            body = [
                {"host": f"host-{n // 10}", "kind": "backup", "source_group": f"group-{n % 10}", "status": "failed"}
                for n in range(first, min(first + REPORTS_AT_ONCE, reports))
            ]
            async with session.post("/api/v1/job-reports?create=1", json={"reports": body}) as answer:
                answer.raise_for_status()

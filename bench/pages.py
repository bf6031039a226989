"""Pages of a large fleet: how long until the first byte."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import aiohttp
import click

from bench import figures, fleet
from bench.system import PASSWORD, System, running

MOST_MS = 100
Command = Callable[..., None]


def _options(alerts: int, unresolved: int) -> Callable[[Command], Command]:
    """How large the fleet is."""

    def decorate(command: Command) -> Command:
        for option in (
            click.option("--hosts", default=10_000),
            click.option("--alerts", default=alerts),
            click.option("--unresolved", default=unresolved, help="So many of the alerts."),
            click.option("--rounds", default=500, help="Requests of each page, one after the other."),
        ):
            command = option(command)
        return command

    return decorate


@click.command()
@_options(100_000, 10_000)
def pages(**settings: int) -> None:
    """Web pages and lists of the API, with a fleet of this size: milliseconds to the first byte."""
    _look("pages", settings)


@click.command("list")
@_options(1_000_000, 100_000)
def lists(**settings: int) -> None:
    """The same at a million alerts."""
    _look("list", settings)


def _look(scenario: str, settings: dict[str, int]) -> None:
    with running() as system:
        found = asyncio.run(measure(system, settings, nullcontext()))
    width = max(len(name) for name in found)
    rows = found.pop("bytes a row")
    for name, told in found.items():
        click.echo(f"{name:{width}}  p50 {told['p50']:7.1f} ms  p99 {told['p99']:7.1f} ms  max {told['max']:7.1f} ms")
    click.echo(figures.keep(scenario, settings, {"milliseconds to the first byte": found, "bytes a row": rows}))
    slow = [name for name, told in found.items() if told["p50"] > MOST_MS]
    if slow:
        raise click.ClickException(f"over {MOST_MS} ms: {', '.join(slow)}")


async def measure(system: System, settings: Mapping[str, int], watched: AbstractContextManager[None]) -> dict[str, Any]:
    """Milliseconds to the first byte of each page, of a fleet of this size; `watched` is open while they are asked for.

    `settings`: hosts, alerts, unresolved, and rounds, the requests of each page.
    """
    click.echo("writing a month of a fleet ...")
    rows = await fleet.fill(system.dsn, settings["hosts"], settings["alerts"], settings["unresolved"])
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(system.url, cookie_jar=jar, headers={"Accept": "text/html"}) as browser:
        form = {"username": "admin", "password": PASSWORD}
        async with browser.post("/login", data=form, allow_redirects=False) as answer:
            answer.raise_for_status()
        found: dict[str, Any] = {"bytes a row": rows}
        places = await _places(browser)
        with watched:
            for name, path in places.items():
                click.echo(f"  {name}")
                times = [await _first_byte(browser, path) for _ in range(settings["rounds"])]
                found[name] = figures.milliseconds(times)
        return found


async def _places(browser: aiohttp.ClientSession) -> dict[str, str]:
    alert = await _first(browser, "/api/v1/alerts?state=unresolved")
    job = await _first(browser, "/api/v1/jobs")
    host = alert["host_id"]
    return {
        "overview": "/",
        "overview, by name": "/?q=host-0000",
        "overview, by label": "/?label=site%3Ds7",
        "alerts": "/alerts",
        "alerts, all": "/alerts?state=all",
        "alerts, by words": f"/alerts?state=all&q={alert['host_name']}",
        "one alert": f"/alerts/{alert['id']}",
        "hosts": "/hosts",
        "hosts, by name": "/hosts?q=host-0000",
        "one host": f"/hosts/{host}",
        "jobs": "/jobs",
        "jobs, failed": "/jobs?status=failed",
        "jobs, of a host": f"/jobs?host={alert['host_name']}",
        "one job": f"/jobs/{job['id']}",
        "channels": "/channels",
        "settings": "/settings",
        "API: alerts": "/api/v1/alerts?limit=50",
        "API: unresolved alerts": "/api/v1/alerts?state=unresolved&limit=50",
        "API: hosts": "/api/v1/hosts?limit=50",
        "API: jobs": "/api/v1/jobs?limit=50",
    }


async def _first(browser: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with browser.get(path) as answer:
        answer.raise_for_status()
        found: dict[str, Any] = (await answer.json())["items"][0]
        return found


async def _first_byte(browser: aiohttp.ClientSession, path: str) -> float:
    begun = time.perf_counter()
    async with browser.get(path, allow_redirects=False) as answer:
        await answer.content.readany()
        seconds = time.perf_counter() - begun
        if answer.status != 200:  # noqa: PLR2004
            raise click.ClickException(f"{path} answered {answer.status}")
        await answer.read()
    return seconds

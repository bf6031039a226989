"""A storm over a system with history, and with more copies of each service."""

import asyncio
import json
from contextlib import ExitStack
from typing import Any

import click

from bench import figures, fleet
from bench.receiver import receiving
from bench.storm import Storm, listen, over
from bench.system import running

SERVICES = ("jobs", "alerts", "notifier", "api")


@click.command()
@click.option("--alerts", default=20_000, help="Different failures of each storm.")
@click.option("--rows", default=(0, 10_000, 1_000_000, 10_000_000), multiple=True, help="Of history.")
@click.option("--copies", default=(1, 2, 4), multiple=True, help="Of each service.")
@click.option("--runs", default=5)
def growth(alerts: int, rows: tuple[int, ...], copies: tuple[int, ...], runs: int) -> None:
    """Storms with so many rows of history, and with so many copies of each service: alerts per second."""
    found = {f"{count} rows": _storms(alerts, runs, rows=count) for count in rows}
    found |= {f"{count} of each service": _storms(alerts, runs, copies=count) for count in copies}
    told: dict[str, Any] = {name: figures.over_runs(each) for name, each in found.items()}
    told["alerts per second, to those without history"] = {
        name: round(each["to an empty one"]["median"], 3) for name, each in told.items() if "to an empty one" in each
    }
    click.echo(json.dumps(told, indent=2))
    settings = {"alerts": alerts, "rows": rows, "copies": copies, "runs": runs}
    click.echo(figures.keep("growth", settings, told))


def _storms(alerts: int, runs: int, *, rows: int = 0, copies: int = 1) -> list[dict[str, float]]:
    """Storms over this system and, where it has history, in turn over an empty one: machines change by the minute."""
    with ExitStack() as stack:
        system = stack.enter_context(running(dict.fromkeys(SERVICES, copies)))
        systems = [system]
        if rows:
            click.echo(f"writing {rows} rows of history ...")
            asyncio.run(fleet.fill_history(system.dsn, rows))
            systems.append(stack.enter_context(running()))
        receivers = [stack.enter_context(receiving()) for _ in systems]
        for each, receiver in zip(systems, receivers, strict=True):
            listen(each, receiver)
        found = []
        for run in range(runs):
            storm = Storm(alerts, 100, 8, first=run * alerts)
            told = [over(each, storm, receiver) for each, receiver in zip(systems, receivers, strict=True)]
            ratio = {"to an empty one": told[0]["alerts per second"] / told[-1]["alerts per second"]} if rows else {}
            found.append(told[0] | ratio)
            click.echo(f"{rows} rows, {copies} copies, run {run + 1}: {found[-1]}")
        return found

"""The same failures again and again: what is open already counts, and nobody is told."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import click

from bench import alertmanager, figures, load
from bench.load import Target
from bench.receiver import receiving
from bench.storm import Storm, labelled, listen, over, reports, target_of
from bench.system import System, running

BULK = 100
CONNECTIONS = 8
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 600
COUNTED = "SELECT sum(occurrences) FROM alerts.alert"


@click.command()
@click.option("--failures", default=200_000)
@click.option("--keys", default=5_000, help="Different alerts, all of them open.")
@click.option("--runs", default=5)
def repeat(failures: int, keys: int, runs: int) -> None:
    """Failures of what is open already: events per second until the last is counted, beside the peer's intake."""
    found: dict[str, list[dict[str, float]]] = {"keepwatch": [], "alertmanager": []}
    for run in range(runs):
        for name, measure in (("keepwatch", _ours), ("alertmanager", _theirs)):
            found[name].append(measure(failures, keys))
            click.echo(f"run {run + 1}, {name}: {found[name][-1]}")
    told: dict[str, Any] = {name: figures.over_runs(each) for name, each in found.items()}
    told |= figures.beside(told["keepwatch"], told["alertmanager"])
    told["alertmanager's version"] = alertmanager.version()
    click.echo(json.dumps(told, indent=2))
    click.echo(figures.keep("repeat", {"failures": failures, "keys": keys, "runs": runs}, told))


def _ours(failures: int, keys: int) -> dict[str, float]:
    with receiving() as receiver, running() as system:
        listen(system, receiver)
        over(system, Storm(keys, BULK, CONNECTIONS), receiver)
        seconds = again(system, failures, keys)
        if (called := receiver.count()) != keys:
            raise SystemExit(f"{called} alerts were told of, not {keys}")
    return {"events per second": round(failures / seconds, 1)}


def again(system: System, failures: int, keys: int) -> float:
    """So many failures of these keys, whose alerts are open; seconds until the last is counted."""
    begun = _send(target_of(system), failures, keys, lambda numbers: reports(numbers, "failed"))
    asyncio.run(counted(system.dsn, keys + failures))
    return time.time() - begun


def _theirs(failures: int, keys: int) -> dict[str, float]:
    with receiving() as receiver, alertmanager.running(receiver.port) as peer:
        _send(peer.target, keys, keys, labelled)
        begun = _send(peer.target, failures, keys, labelled)
        return {"events per second": round(failures / (time.time() - begun), 1)}


def _send(target: Target, failures: int, keys: int, body: Callable[[Sequence[int]], bytes]) -> float:
    """Send each key's failure in turn, until there were so many; when the first was sent."""
    each = Storm(keys, BULK, CONNECTIONS).bodies(body)
    bodies = [each[number % len(each)] for number in range(failures // BULK)]
    return min(sent.begun for sent in load.send(target, bodies, CONNECTIONS))


async def counted(dsn: str, number: int) -> None:
    """Wait until so many failures have been counted."""
    connection = await asyncpg.connect(dsn)
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while (now := await connection.fetchval(COUNTED)) < number:
            if time.monotonic() > deadline:
                raise SystemExit(f"{now} of {number} were counted in {PATIENCE_SECONDS} s")
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await connection.close()

"""Failures of what is open already, as Alerta takes them in: until each request is answered, and all is kept."""

import asyncio
import json
import time
from typing import Any

import click

from bench import alerta, figures, load
from bench.load import Sent
from bench.receiver import receiving
from bench.repeat import counted
from bench.storm import MESSAGE, Storm, listen, names, over, reports, target_of
from bench.system import running

KEYS = 1_000
"""Different alerts, all of them open."""
BULK = 100
CONNECTIONS = 8


@click.command()
@click.option("--failures", default=20_000, help="In bulk requests.")
@click.option("--singly", default=4_000, help="One in a request, which is all that Alerta takes.")
@click.option("--runs", default=5)
def ingest(failures: int, singly: int, runs: int) -> None:
    """Failures of what is open already, beside Alerta: a second until the requests are answered."""
    found: dict[str, list[dict[str, float]]] = {"keepwatch": [], "alerta": []}
    for run in range(runs):
        for name, measured in (("keepwatch", _ours(failures, singly)), ("alerta", _theirs(singly))):
            found[name].append(measured)
            click.echo(f"run {run + 1}, {name}: {measured}")
    told: dict[str, Any] = {name: figures.over_runs(each) for name, each in found.items()}
    theirs = told["alerta"]["one in a request"]["median"]
    told["ratio of the medians"] = {name: round(each["median"] / theirs, 2) for name, each in told["keepwatch"].items()}
    told["alerta's version"] = alerta.version()
    click.echo(json.dumps(told, indent=2))
    settings = {"failures": failures, "singly": singly, "keys": KEYS, "connections": CONNECTIONS, "runs": runs}
    click.echo(figures.keep("ingest", settings, told))


def _ours(failures: int, singly: int) -> dict[str, float]:
    with receiving() as receiver, running() as system:
        listen(system, receiver)
        over(system, Storm(KEYS, BULK, CONNECTIONS), receiver)
        target = target_of(system)
        in_bulk = _again(
            [reports(range(first, first + BULK), "failed") for first in range(0, KEYS, BULK)], failures // BULK
        )
        bulk = load.send(target, in_bulk, CONNECTIONS)
        asyncio.run(counted(system.dsn, KEYS + failures))
        all_counted = time.time()
        one = load.send(target, _again([reports([number], "failed") for number in range(KEYS)], singly), CONNECTIONS)
        return {
            "in bulk": round(failures / _seconds(bulk), 1),
            "in bulk, until all are counted": round(failures / (all_counted - min(sent.begun for sent in bulk)), 1),
            "one in a request": round(singly / _seconds(one), 1),
        }


def _theirs(singly: int) -> dict[str, float]:
    with alerta.running() as target:
        each = [alerta.body(*names(number), MESSAGE) for number in range(KEYS)]
        load.send(target, each, CONNECTIONS)
        return {"one in a request": round(singly / _seconds(load.send(target, _again(each, singly), CONNECTIONS)), 1)}


def _again(bodies: list[bytes], requests: int) -> list[bytes]:
    """So many requests, of these in turn."""
    return [bodies[number % len(bodies)] for number in range(requests)]


def _seconds(sent: list[Sent]) -> float:
    return max(each.ended for each in sent) - min(each.begun for each in sent)

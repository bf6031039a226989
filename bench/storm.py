"""The NAS dies at two in the morning: many different failures, each of which somebody is to be told.

Beside the peer's, in the same run and in turn: a new system each time, whose hosts and groups are known and well.
"""

import json
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import click

from bench import alertmanager, figures, load, memory
from bench.load import Sent, Target
from bench.receiver import Receiver, marker, receiving
from bench.system import System, running

GROUPS = 10
"""Of each host."""
MESSAGE = "Fatal: unable to open repository at /mnt/nas/restic: connection refused"
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Storm:
    """How much of it."""

    alerts: int
    bulk: int
    """Failures in a request."""
    connections: int
    per_second: float | None = None
    """Requests, in a steady pace; null for as many as go."""
    first: int = 0
    """The number of the first alert."""

    def bodies(self, body: Callable[[Sequence[int]], bytes]) -> list[bytes]:
        """The requests, each made of the numbers of its alerts."""
        end = self.first + self.alerts
        return [body(range(begin, min(begin + self.bulk, end))) for begin in range(self.first, end, self.bulk)]


Command = Callable[..., None]


def _options(alerts: int, runs: int = 5) -> Callable[[Command], Command]:
    """What may be chosen in each of these scenarios."""
    chosen = [
        click.option("--alerts", default=alerts, help="Different failures."),
        click.option("--runs", default=runs),
        click.option("--peer", type=click.Choice(["alertmanager", "none"]), default="alertmanager"),
    ]

    def decorate(command: Command) -> Command:
        for option in chosen:
            command = option(command)
        return command

    return decorate


@click.command()
@_options(20_000)
@click.option("--bulk", default=100, help="Failures in a request.")
@click.option("--connections", default=8)
def storm(alerts: int, bulk: int, connections: int, runs: int, peer: str) -> None:
    """Everything at once: alerts per second from the first request to the last webhook, times and memory."""
    _compare("storm", Storm(alerts, bulk, connections), runs, peer)


@click.command()
@_options(10_000)
@click.option("--connections", default=32)
def single(alerts: int, connections: int, runs: int, peer: str) -> None:
    """Everything at once, one failure in a request."""
    _compare("single", Storm(alerts, 1, connections), runs, peer)


@click.command()
@_options(300)
@click.option("--per-second", default=10.0)
def quiet(alerts: int, per_second: float, runs: int, peer: str) -> None:
    """A few failures a second, one in a request: how long each takes."""
    _compare("quiet", Storm(alerts, 1, 4, per_second), runs, peer)


def _compare(scenario: str, asked: Storm, runs: int, peer: str) -> None:
    """Measure both in turn, so often; print and keep the figures."""
    measures = {"keepwatch": keepwatch} | ({"alertmanager": peer_s} if peer != "none" else {})
    found: dict[str, list[dict[str, float]]] = {name: [] for name in measures}
    for run in range(runs):
        for name, measure in measures.items():
            found[name].append(measure(asked))
            click.echo(f"run {run + 1}, {name}: {found[name][-1]}")
    told: dict[str, Any] = {name: figures.over_runs(each) for name, each in found.items()}
    if peer != "none":
        told |= figures.beside(told["keepwatch"], told["alertmanager"])
        told["alertmanager's version"] = alertmanager.version()
    click.echo(json.dumps(told, indent=2))
    click.echo(figures.keep(scenario, asdict(asked) | {"runs": runs}, told))


def keepwatch(asked: Storm) -> dict[str, float]:
    """One storm on a new system, whose hosts and groups are known and well."""
    with receiving() as receiver, running() as system:
        listen(system, receiver)
        return over(system, asked, receiver)


def listen(system: System, receiver: Receiver) -> None:
    """Have a webhook called for each alert."""
    _post(system, "/api/v1/channels", _channel(receiver.port))


def over(system: System, asked: Storm, receiver: Receiver) -> dict[str, float]:
    """A storm over this system, whose hosts and groups are made known before."""
    target = target_of(system)
    load.send(target, replace(asked, bulk=100).bodies(lambda numbers: reports(numbers, "succeeded")), 1)
    time.sleep(3)  # so that the successes have been handled
    return _measure(target, asked, lambda numbers: reports(numbers, "failed"), receiver, system.pids)


def target_of(system: System) -> Target:
    """Where a system takes reports."""
    return Target(int(system.url.rpartition(":")[2]), "/api/v1/job-reports?create=1", system.token)


def peer_s(asked: Storm) -> dict[str, float]:
    """The same storm on a new Alertmanager."""
    with receiving() as receiver, alertmanager.running(receiver.port) as peer:
        return _measure(peer.target, asked, labelled, receiver, [peer.pid])


def _measure(
    target: Target, asked: Storm, body: Callable[[Sequence[int]], bytes], receiver: Receiver, pids: list[int]
) -> dict[str, float]:
    bodies, before = asked.bodies(body), receiver.count()
    with memory.watched(pids) as peak:
        sent = load.send(target, bodies, asked.connections, asked.per_second)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (count := receiver.count() - before) < asked.alerts:
            if time.monotonic() > deadline:
                raise SystemExit(f"{asked.alerts - count} of {asked.alerts} did not arrive in {PATIENCE_SECONDS} s")
            time.sleep(0.1)
    return _figures(asked, sent, receiver.arrivals(), peak.bytes)


def _figures(asked: Storm, sent: list[Sent], arrived: dict[str, float], peak: int) -> dict[str, float]:
    first = min(one.begun for one in sent)
    ours = [arrived[marker(asked.first + number)] for number in range(asked.alerts)]
    latency = figures.milliseconds([at - sent[number // asked.bulk].begun for number, at in enumerate(ours)])
    return {
        "alerts per second": round(asked.alerts / (max(ours) - first), 1),
        "accepted per second": round(asked.alerts / (max(one.ended for one in sent) - first), 1),
        "p50 milliseconds": latency["p50"],
        "p99 milliseconds": latency["p99"],
        "peak megabytes": round(peak / 1e6, 1),
    }


def names(number: int) -> tuple[str, str]:
    """The host and the group of a failure; the group bears the mark."""
    return f"host-{number // GROUPS}", marker(number)


def reports(numbers: Sequence[int], status: str) -> bytes:
    """A request with the ends of these groups' backups."""
    reports = []
    for host, group in map(names, numbers):
        reports.append({"host": host, "kind": "backup", "source_group": group, "status": status})
        if status == "failed":
            reports[-1]["message"] = MESSAGE
    return json.dumps({"reports": reports}).encode()


def labelled(numbers: Sequence[int]) -> bytes:
    """The same failures for the peer."""
    labels = [{"alertname": "backup_failed", "host": host, "group": group} for host, group in map(names, numbers)]
    return alertmanager.body(labels, MESSAGE)


def _channel(port: int) -> dict[str, Any]:
    return {"name": "bench", "kind": "webhook", "config": {"url": f"http://127.0.0.1:{port}/"}}


def _post(system: System, path: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(
        system.url + path,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {system.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request):
        return

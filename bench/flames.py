"""Where the services' time goes in each scenario, as flame graphs; needs the dependency group `bench`."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from bench.agents import come_and_stay
from bench.pages import measure
from bench.plots import PICTURES
from bench.receiver import Receiver, receiving
from bench.repeat import again
from bench.storm import Storm, listen, over
from bench.system import ONE_OF_EACH, System, running

SAMPLES_A_SECOND = 200
TOP = Path(__file__).parents[1]
KEYS = 5_000
"""Of the repetitions."""
Watched = Callable[[System], AbstractContextManager[None]]
"""While it is open, each service is looked at."""


def _storm(system: System, receiver: Receiver, watched: Watched) -> None:
    with watched(system):
        over(system, Storm(20_000, 100, 8), receiver)


def _single(system: System, receiver: Receiver, watched: Watched) -> None:
    with watched(system):
        over(system, Storm(5_000, 1, 32), receiver)


def _repeat(system: System, receiver: Receiver, watched: Watched) -> None:
    over(system, Storm(KEYS, 100, 8), receiver)
    with watched(system):
        again(system, 30_000, KEYS)


def _quiet(system: System, receiver: Receiver, watched: Watched) -> None:
    with watched(system):
        over(system, Storm(300, 1, 4, 10), receiver)


def _list(system: System, _: Receiver, watched: Watched) -> None:
    fleet = {"hosts": 10_000, "alerts": 100_000, "unresolved": 10_000, "rounds": 20}
    asyncio.run(measure(system, fleet, watched(system)))


def _agents(system: System, _: Receiver, watched: Watched) -> None:
    asyncio.run(come_and_stay(system, 5_000, 20, watched(system)))


@dataclass(frozen=True)
class Scenario:
    """What is done while services are watched, and which of them have to do with it."""

    do: Callable[[System, Receiver, Watched], None]
    services: Sequence[str] = tuple(ONE_OF_EACH)


SCENARIOS = {
    "storm": Scenario(_storm),
    "single": Scenario(_single),
    "quiet": Scenario(_quiet),
    "repeat": Scenario(_repeat),
    "list": Scenario(_list, ("jobs", "alerts", "api")),
    "agents": Scenario(_agents, ("jobs", "api")),
}


@click.command()
@click.argument("scenario", type=click.Choice(list(SCENARIOS)), default="storm")
def flames(scenario: str) -> None:
    """Draw a flame graph of each service in this scenario, in docs/images/bench."""
    with receiving() as receiver, running() as system:
        listen(system, receiver)
        SCENARIOS[scenario].do(system, receiver, partial(_watched, scenario))
    for service in SCENARIOS[scenario].services:
        click.echo(_picture(scenario, service))


def _picture(scenario: str, service: str) -> Path:
    return PICTURES / f"flame-{scenario}-{service}.svg"


@contextmanager
def _watched(scenario: str, system: System) -> Iterator[None]:
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if not program:
        raise SystemExit("py-spy is not there: uv run --group bench python -m bench flames")
    PICTURES.mkdir(parents=True, exist_ok=True)
    watched = SCENARIOS[scenario].services
    spies = [
        subprocess.Popen(
            [program, "record", f"--rate={SAMPLES_A_SECOND}", "--function", "--duration=600", f"--pid={process.pid}",
             f"--output={_picture(scenario, service)}"],
            stdout=subprocess.DEVNULL,
        )
        for service, process in zip(ONE_OF_EACH, system.processes, strict=True)
        if service in watched
    ]  # fmt: skip
    try:
        yield
    finally:
        for spy in spies:
            spy.send_signal(signal.SIGINT)
        for spy in spies:
            spy.wait(60)
        for service in watched:  # the command in its title has this machine's folders
            picture = _picture(scenario, service)
            picture.write_text(picture.read_text().replace(f"{Path(program).parent}/", "").replace(f"{TOP}/", ""))

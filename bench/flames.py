"""Where the services' time goes in each scenario, as flame graphs; needs the dependency group `bench`."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import click

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


SCENARIOS = {"storm": _storm, "single": _single, "repeat": _repeat}


@click.command()
@click.argument("scenario", type=click.Choice(list(SCENARIOS)), default="storm")
def flames(scenario: str) -> None:
    """Draw a flame graph of each service in this scenario, in docs/images/bench."""
    with receiving() as receiver, running() as system:
        listen(system, receiver)
        SCENARIOS[scenario](system, receiver, partial(_watched, scenario))
    for service in ONE_OF_EACH:
        click.echo(_picture(scenario, service))


def _picture(scenario: str, service: str) -> Path:
    return PICTURES / f"flame-{scenario}-{service}.svg"


@contextmanager
def _watched(scenario: str, system: System) -> Iterator[None]:
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if not program:
        raise SystemExit("py-spy is not there: uv run --group bench python -m bench flames")
    PICTURES.mkdir(parents=True, exist_ok=True)
    spies = [
        subprocess.Popen(
            [program, "record", f"--rate={SAMPLES_A_SECOND}", "--function", "--duration=600", f"--pid={process.pid}",
             f"--output={_picture(scenario, service)}"],
            stdout=subprocess.DEVNULL,
        )
        for service, process in zip(ONE_OF_EACH, system.processes, strict=True)
    ]  # fmt: skip
    try:
        yield
    finally:
        for spy in spies:
            spy.send_signal(signal.SIGINT)
        for spy in spies:
            spy.wait(60)
        for service in ONE_OF_EACH:  # the command in its title has this machine's folders
            picture = _picture(scenario, service)
            picture.write_text(picture.read_text().replace(f"{Path(program).parent}/", "").replace(f"{TOP}/", ""))

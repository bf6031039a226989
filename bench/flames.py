"""Where the services' time goes in a storm, as flame graphs; needs the dependency group `bench`."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bench.plots import PICTURES
from bench.receiver import receiving
from bench.storm import Storm, listen, over
from bench.system import ONE_OF_EACH, System, running

SAMPLES_A_SECOND = 200
TOP = Path(__file__).parents[1]


@click.command()
@click.option("--alerts", default=20_000, help="Different failures of the storm.")
def flames(alerts: int) -> None:
    """Draw a flame graph of each service in a storm, in docs/images/bench."""
    with receiving() as receiver, running() as system:
        listen(system, receiver)
        with _watched(system):
            click.echo(over(system, Storm(alerts, 100, 8), receiver))
    for service in ONE_OF_EACH:
        click.echo(_picture(service))


def _picture(service: str) -> Path:
    return PICTURES / f"flame-{service}.svg"


@contextmanager
def _watched(system: System) -> Iterator[None]:
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if not program:
        raise SystemExit("py-spy is not there: uv run --group bench python -m bench flames")
    PICTURES.mkdir(parents=True, exist_ok=True)
    spies = [
        subprocess.Popen(
            [program, "record", f"--rate={SAMPLES_A_SECOND}", "--function", "--duration=600", f"--pid={process.pid}",
             f"--output={_picture(service)}"],
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
            picture = _picture(service)
            picture.write_text(picture.read_text().replace(f"{Path(program).parent}/", "").replace(f"{TOP}/", ""))

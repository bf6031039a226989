"""`keepwatch serve`: one service in this process, configured by the environment."""

import asyncio
import os
from contextlib import suppress

import click

from cli.server_parts import server_part

SERVICES = ("jobs", "alerts", "notifier", "api")
GIVES_WAY = {"jobs": 5, "alerts": 5}
"""Steps of niceness. Where the CPUs are busy, what is nearest to whoever is to be told goes first: in a storm alerts go
out while reports are still being taken, and not after (docs/performance.md)."""


@click.command()
@click.argument("service", type=click.Choice(SERVICES))
@click.option("--port", type=click.IntRange(1, 65535), help="For HTTP: the API, or the health pages of the others.")
@click.option("--listen", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
def serve(service: str, port: int | None, listen: str) -> None:
    """Run one service; any number of copies may run."""
    app = server_part(f"services.{service}.app")
    uvloop = server_part("uvloop")
    if steps := GIVES_WAY.get(service):
        with suppress(OSError):  # where it is not allowed it is done without
            os.nice(steps)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(app.run(os.environ, listen, port))

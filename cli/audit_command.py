"""The command `keepwatch audit`."""

import asyncio
import os
import sys
from pathlib import Path

import click

from cli.server_parts import server_part


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder of a `keepwatch up`; otherwise the environment says where the database is.",
)
def audit(data_dir: Path | None) -> None:
    """Look whether everything that happened to alerts was told, or why not; exit 1 if something is missing.

    Of all alerts that stand or were resolved in the last seven days, up to ten minutes ago. Changes nothing.
    """
    lines = asyncio.run(server_part("cli.doctor.audit").audit(data_dir, dict(os.environ)))
    for line in lines:
        click.echo(line)
    click.echo(f"{len(lines)} transitions are not accounted for." if lines else "Every transition is accounted for.")
    if lines:
        sys.exit(1)

"""The command `keepwatch audit`."""

import asyncio
import os
import sys
from pathlib import Path

import click

from cli.server_parts import server_part
from shared.environment import SettingError

COULD_NOT_LOOK = 2


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder of a `keepwatch up`; otherwise the environment says where the database is.",
)
def audit(data_dir: Path | None) -> None:
    """Look whether everything that happened to alerts was told, or why not; exit 1 if something is missing.

    Exit 2 if it could not look.

    Of all alerts that stand or were resolved in the last seven days, up to ten minutes ago. Changes nothing.
    """
    try:
        lines = asyncio.run(server_part("cli.doctor.audit").audit(data_dir, dict(os.environ)))
    except (click.ClickException, SettingError) as error:
        click.echo(f"Error: {error.message if isinstance(error, click.ClickException) else error}", err=True)
        sys.exit(COULD_NOT_LOOK)
    for line in lines:
        click.echo(line)
    click.echo(f"{len(lines)} transitions are not accounted for." if lines else "Every transition is accounted for.")
    if lines:
        sys.exit(1)

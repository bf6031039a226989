"""The command `keepwatch doctor`."""

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
    help="The folder of a `keepwatch up`; otherwise the environment says where database and broker are.",
)
def doctor(data_dir: Path | None) -> None:
    """Look at an installation and say what is wrong and what to do; exit 1 if something is."""
    examine = server_part("cli.doctor.examination").examine
    wrong = 0
    for finding in asyncio.run(examine(data_dir, dict(os.environ))):
        click.echo(f"{click.style('ok   ', fg='green') if finding.good else click.style('wrong', fg='red')}  {finding}")
        if not finding.good:
            wrong += 1
            click.echo(f"       {finding.advice}")
    click.echo(f"{wrong} of these are wrong." if wrong else "All is well.")
    if wrong:
        sys.exit(1)

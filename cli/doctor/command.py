"""The command `keepwatch doctor`."""

import asyncio
import os
import sys
from pathlib import Path

import click

from cli.doctor.finding import Finding
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
    wrong = notes = 0
    for finding in asyncio.run(examine(data_dir, dict(os.environ))):
        wrong += not finding.good
        notes += finding.note
        click.echo(f"{_mark(finding)}  {finding}")
        if finding.note or not finding.good:
            click.echo(f"       {finding.advice}")
    click.echo(_summary(wrong, notes))
    if wrong:
        sys.exit(1)


def _summary(wrong: int, notes: int) -> str:
    if wrong:
        return "1 thing is wrong." if wrong == 1 else f"{wrong} things are wrong."
    if notes:
        return f"Nothing is wrong; {notes} {'note' if notes == 1 else 'notes'}."
    return "All is well."


def _mark(finding: Finding) -> str:
    if not finding.good:
        return click.style("wrong", fg="red")
    return click.style("note ", fg="yellow") if finding.note else click.style("ok   ", fg="green")

"""`keepwatch migrate`: the database and the broker as this release needs them."""

import asyncio
import sys

import click

from cli.server_parts import server_part


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if something is pending.")
def migrate(*, check: bool) -> None:
    """Apply migrations; create the stream and its consumers."""
    migrations = server_part("cli.migrations")
    if not check:
        steps = asyncio.run(migrations.apply())
        click.echo("\n".join(f"done: {step}" for step in steps) or "Nothing to do.")
    elif steps := asyncio.run(migrations.pending()):
        click.echo("\n".join(f"pending: {step}" for step in steps))
        sys.exit(1)
    else:
        click.echo("Nothing is pending.")

"""`keepwatch seal-anew`: a new KEEPWATCH_SECRET_KEY in the place of an old one."""

import asyncio
import sys

import click

from cli.server_parts import server_part


@click.command("seal-anew")
def seal_anew() -> None:
    """Encrypt all stored secrets under KEEPWATCH_SECRET_KEY; old ones are in KEEPWATCH_OLD_SECRET_KEYS."""
    lost = 0
    for done in asyncio.run(server_part("cli.seals").all_anew()):
        click.echo(f"{done.name}: {done.count} sealed anew")
        for purpose in done.lost:
            click.echo(f"{done.name}: no key opens the secrets of {purpose}: enter them again.", err=True)
        lost += len(done.lost)
    if lost:
        sys.exit(1)
    click.echo("No stored secret needs an old key any more.")

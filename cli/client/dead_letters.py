"""`keepwatch dead-letters`: messages that a service could not handle, and another try at them."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from cli.client import screen
from cli.client.api import Api, Query
from cli.client.command import calls_api, lists, shows
from cli.client.names import id_of, short

TITLES = ("ID", "SERVICE", "SUBJECT", "SET ASIDE", "ERROR")
SERVICES = ("alerts", "notifier")
SHOWN = 200


@click.group("dead-letters")
def dead_letters() -> None:
    """See messages that could not be handled, and handle them after all."""


def _row(letter: dict[str, Any], at: datetime) -> Sequence[object]:
    error = " ".join(letter["error"].split())[:SHOWN]
    return short(letter["id"]), letter["service"], letter["subject"], screen.ago(letter["created_at"], at), error


def _page(letter: dict[str, Any], at: datetime) -> RenderableType:
    fields = {name: value for name, value in letter.items() if name != "payload"}
    return Group(screen.page(fields, at), Text(), Text(screen.clean(letter["payload"])))


async def _path(api: Api, reference: str) -> str:
    return f"/dead-letters/{await id_of(api, '/dead-letters', reference, 'dead letter')}"


@dead_letters.command("list")
@click.option("--service", "services", type=click.Choice(SERVICES), multiple=True, help="Only of this service.")
@lists(TITLES, _row, "No dead letters: every message was handled.")
async def list_(_: Api, *, services: Sequence[str]) -> tuple[str, Query]:
    """List dead letters, newest first."""
    return "/dead-letters", {"service": services}


@dead_letters.command()
@click.argument("dead_letter", metavar="DEAD-LETTER")
@shows(_page)
async def show(api: Api, *, dead_letter: str) -> Any:
    """Show one DEAD-LETTER: why it could not be handled, and what it says."""
    return await api.get(await _path(api, dead_letter))


@dead_letters.command()
@click.argument("dead_letter", metavar="DEAD-LETTER")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@calls_api
async def replay(api: Api, *, dead_letter: str, as_json: bool) -> None:
    """Handle a DEAD-LETTER again, now; exit 1 if it fails again, and then it stays."""
    result = await api.post(f"{await _path(api, dead_letter)}/replay")
    if as_json:
        screen.show_json(result)
    elif result["replayed"]:
        print(f"Replayed: {short(result['id'])}.")
    else:
        click.echo(f"Not replayed: {screen.clean(result['error'])}", err=True)
    if not result["replayed"]:
        sys.exit(1)

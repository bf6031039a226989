"""`keepwatch deliveries`: what was told to whom, and how it went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from cli.client import screen
from cli.client.api import Api, Query
from cli.client.command import lists, shows
from cli.client.inputs import one_of
from cli.client.names import alert_id, id_of, short
from shared.vocabulary import DeliveryState

TITLES = ("ID", "CHANNEL", "EVENT", "ALERT", "STATE", "ATTEMPTS", "CREATED", "LAST ERROR")


@click.group()
def deliveries() -> None:
    """See deliveries, and try again."""


def _row(delivery: dict[str, Any], at: datetime) -> Sequence[object]:
    return (
        short(delivery["id"]),
        delivery["channel_name"],
        delivery["event"],
        short(delivery["alert_id"]),
        delivery["state"],
        delivery["attempts"],
        screen.ago(delivery["created_at"], at),
        delivery["last_error"],
    )


def _page(delivery: dict[str, Any], at: datetime) -> RenderableType:
    attempts = delivery["attempts"]
    if not isinstance(attempts, list):
        return screen.page(delivery, at)
    rows = [(screen.ago(one["at"], at), one["status"], f"{one['duration_ms']} ms", one["detail"]) for one in attempts]
    fields = screen.page({**delivery, "attempts": len(attempts)}, at)
    return Group(fields, Text(), screen.table(("WHEN", "STATUS", "TOOK", "ANSWER"), rows)) if rows else fields


async def _path(api: Api, reference: str) -> str:
    return f"/deliveries/{await id_of(api, '/deliveries', reference, 'delivery')}"


@deliveries.command("list")
@click.option("--channel", metavar="CHANNEL", help="Only to this channel.")
@click.option("--alert", metavar="ALERT", help="Only about this alert.")
@click.option("--state", "states", type=one_of(DeliveryState), multiple=True)
@lists(TITLES, _row, "No such deliveries.")
async def list_(api: Api, *, channel: str | None, alert: str | None, states: Sequence[str]) -> tuple[str, Query]:
    """List deliveries, newest first."""
    return "/deliveries", {
        "channel_id": await id_of(api, "/channels", channel, "channel") if channel else None,
        "alert_id": await alert_id(api, alert) if alert else None,
        "state": states,
    }


@deliveries.command()
@click.argument("delivery")
@shows(_page)
async def show(api: Api, *, delivery: str) -> Any:
    """Show one DELIVERY with its attempts."""
    return await api.get(await _path(api, delivery))


@deliveries.command()
@click.argument("delivery")
@shows(_page)
async def retry(api: Api, *, delivery: str) -> Any:
    """Try a failed or dead DELIVERY again now."""
    return await api.post(f"{await _path(api, delivery)}/retry")

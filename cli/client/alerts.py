"""`keepwatch alerts`: what is wrong, and who takes care."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from cli.client import screen
from cli.client.api import Api, Query
from cli.client.command import acts, lists, shows
from cli.client.inputs import one_of
from cli.client.names import alert_id, alerted_host_id, group_id, short
from shared.vocabulary import AlertKind, Severity

STATES = ("open", "acked", "resolved", "unresolved")
TITLES = ("ID", "SEVERITY", "STATE", "TIMES", "LAST SEEN", "TITLE")


@click.group()
def alerts() -> None:
    """See alerts, acknowledge and resolve them."""


def _row(alert: dict[str, Any], at: datetime) -> Sequence[object]:
    seen = screen.ago(alert["last_seen_at"], at)
    return short(alert["id"]), alert["severity"], alert["state"], alert["occurrences"], seen, alert["title"]


def _page(alert: dict[str, Any], at: datetime) -> RenderableType:
    timeline = [
        (screen.ago(entry["at"], at), entry["type"], entry["actor"], entry["note"]) for entry in alert["timeline"]
    ]
    deliveries = [
        (short(delivery["id"]), delivery["channel_name"], delivery["event"], delivery["state"], delivery["last_error"])
        for delivery in alert["deliveries"] or []
    ]
    fields = {name: value for name, value in alert.items() if name not in {"timeline", "deliveries", "decisions"}}
    parts = [screen.page(fields, at), Text(), screen.table(("WHEN", "WHAT", "WHO", "NOTE"), timeline)]
    decisions = [
        (decision["event"], decision["channel_name"], decision["due"], decision["reason"])
        for decision in alert["decisions"] or []
    ]
    if decisions:
        parts += [Text(), screen.table(("EVENT", "CHANNEL", "TOLD", "WHY"), decisions)]
    if deliveries:
        parts += [Text(), screen.table(("DELIVERY", "CHANNEL", "EVENT", "STATE", "LAST ERROR"), deliveries)]
    return Group(*parts)


@alerts.command("list")
@click.option("--state", "states", type=click.Choice([*STATES, "all"]), multiple=True, help="Default: unresolved.")
@click.option("--host", metavar="HOST", help="Only of this host; keepwatch is Keepwatch itself.")
@click.option("--group", metavar="HOST/GROUP", help="Only of this source group.")
@click.option("--kind", "kinds", type=one_of(AlertKind), multiple=True)
@click.option("--severity", "severities", type=one_of(Severity), multiple=True)
@click.option("--search", metavar="WORD", help="The beginning of a word in the host's or the group's name.")
@lists(TITLES, _row, "No such alerts: all is well.")
async def list_(  # noqa: PLR0913  one per filter
    api: Api,
    *,
    states: Sequence[str],
    host: str | None,
    group: str | None,
    kinds: Sequence[str],
    severities: Sequence[str],
    search: str | None,
) -> tuple[str, Query]:
    """List alerts, newest first."""
    return "/alerts", {
        "state": [] if "all" in states else states or ["unresolved"],
        "host_id": await alerted_host_id(api, host) if host else None,
        "source_group_id": await group_id(api, group) if group else None,
        "kind": kinds,
        "severity": severities,
        "q": search,
    }


@alerts.command()
@click.argument("alert")
@shows(_page)
async def show(api: Api, *, alert: str) -> Any:
    """Show one ALERT: its id, or the host or host/group that has just one."""
    return await api.get(f"/alerts/{await alert_id(api, alert)}")


@alerts.command()
@click.argument("alerts", nargs=-1, required=True, metavar="ALERT...")
@click.option("--note", metavar="TEXT", help="What you want to say with it.")
@acts
async def ack(api: Api, *, alerts: Sequence[str], note: str | None) -> str:
    """Say that somebody takes care: repetitions wake nobody until it is resolved."""
    return await _all(api, "ack", "acknowledged", alerts, note)


@alerts.command()
@click.argument("alerts", nargs=-1, required=True, metavar="ALERT...")
@click.option("--note", metavar="TEXT", help="What you want to say with it.")
@acts
async def resolve(api: Api, *, alerts: Sequence[str], note: str | None) -> str:
    """Say that it is over; a new failure will be a new alert."""
    return await _all(api, "resolve", "resolved", alerts, note)


async def _all(api: Api, action: str, done: str, references: Sequence[str], note: str | None) -> str:
    # All names are understood before anything is done.
    identities = [await alert_id(api, reference) for reference in references]
    for identity in identities:
        await api.post(f"/alerts/{identity}/{action}", {} if note is None else {"note": note})
    return f"{done.capitalize()}: {', '.join(short(identity) for identity in identities)}."

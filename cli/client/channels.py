"""`keepwatch channels`: who is told, of what, and how."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from cli.client import screen
from cli.client.api import Api, Query
from cli.client.command import acts, calls_api, lists, shows
from cli.client.inputs import PAIR, SECRET_FILE, changes, given, one_of, options, secret, secret_pairs
from cli.client.names import id_of, short
from shared.vocabulary import AlertChange, AlertKind, ChannelKind, Severity

TITLES = ("ID", "NAME", "KIND", "ENABLED", "EVENTS", "FILTER")


@click.group()
def channels() -> None:
    """See, add, change, test and remove channels."""


def _row(channel: dict[str, Any], _: datetime) -> Sequence[object]:
    enabled = "yes" if channel["enabled"] else "no"
    conditions = " ".join(f"{name}={_short(value)}" for name, value in channel["filter"].items() if value)
    return short(channel["id"]), channel["name"], channel["kind"], enabled, " ".join(channel["events"]), conditions


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _with_secret(channel: dict[str, Any], at: datetime) -> RenderableType:
    told = "The signing secret is shown this once; the receiver checks webhook-signature with it."
    return (
        Group(screen.page(channel, at), Text(), Text(told))
        if channel.get("signing_secret")
        else screen.page(channel, at)
    )


_fields = options(
    click.option("--url", metavar="URL", help="Where to; better --url-file when the URL is a secret."),
    click.option("--url-file", type=SECRET_FILE, help="A file with the URL, or - for standard input."),
    click.option("--header-file", type=SECRET_FILE, help="HTTP headers, a 'Name: value' per line."),
    click.option("--config-file", type=SECRET_FILE, help="The whole config as JSON, for any kind."),
    click.option("--event", "events", type=one_of(AlertChange), multiple=True, help="Default: all."),
    click.option("--min-severity", type=one_of(Severity), help="Only alerts that matter this much."),
    click.option("--only-kind", "kinds", type=one_of(AlertKind), multiple=True, help="May repeat."),
    click.option("--only-label", "labels", type=PAIR, multiple=True, help="Hosts that have it; may repeat."),
    click.option(
        "--at-most-once/--no-at-most-once",
        default=None,
        help="For a receiver that cannot tell a repeat: give up what may have arrived instead of sending it again.",
    ),
)


def _body(  # noqa: PLR0913  one per field
    *,
    url: str | None,
    url_file: Path | None,
    header_file: Path | None,
    config_file: Path | None,
    events: Sequence[str],
    min_severity: str | None,
    kinds: Sequence[str],
    labels: Sequence[tuple[str, str]],
    at_most_once: bool | None,
) -> dict[str, Any]:
    config = _config(config_file) | given(url=url or secret(url_file), headers=secret_pairs(header_file, ":"))
    conditions = given(min_severity=min_severity, kinds=list(kinds) or None, host_labels=dict(labels) or None)
    return given(
        config=config or None, events=list(events) or None, filter=conditions or None, at_most_once=at_most_once
    )


def _config(path: Path | None) -> dict[str, Any]:
    try:
        config = json.loads(secret(path) or "{}")
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise click.ClickException(f"{path} must hold a JSON object.")
    return config


async def _path(api: Api, reference: str) -> str:
    return f"/channels/{await id_of(api, '/channels', reference, 'channel')}"


@channels.command("list")
@lists(TITLES, _row, "There are no channels: nobody is told of anything.")
async def list_(_: Api) -> tuple[str, Query]:
    """List channels, newest first."""
    return "/channels", {}


@channels.command()
@click.argument("channel")
@shows(screen.page)
async def show(api: Api, *, channel: str) -> Any:
    """Show one CHANNEL; its secrets are masked."""
    return await api.get(await _path(api, channel))


@channels.command()
@click.argument("name")
@click.option("--kind", type=one_of(ChannelKind), default=ChannelKind.WEBHOOK.value, show_default=True)
@click.option("--disabled", is_flag=True, help="Do not use it yet.")
@_fields
@shows(_with_secret)
async def add(api: Api, *, name: str, kind: str, disabled: bool, **fields: Any) -> Any:
    """Add a channel called NAME; prints the secret that signs its webhooks, once."""
    return await api.post(
        "/channels", {"name": name, "kind": kind, "config": {}, "enabled": not disabled, **_body(**fields)}
    )


@channels.command()
@click.argument("channel")
@click.option("--name", metavar="NAME", help="Its new name.")
@click.option("--enable/--disable", "enabled", default=None)
@click.option("--no-filter", is_flag=True, help="Be told of every alert.")
@_fields
@shows(screen.page)
async def edit(
    api: Api, *, channel: str, name: str | None, enabled: bool | None, no_filter: bool, **fields: Any
) -> Any:
    """Change a CHANNEL; secrets that are not named stay, unless its URL changes."""
    body = changes(name=name, enabled=enabled, filter={} if no_filter else None, **_body(**fields))
    return await api.patch(await _path(api, channel), body)


@channels.command("renew-secret")
@click.argument("channel")
@shows(_with_secret)
async def renew_secret(api: Api, *, channel: str) -> Any:
    """Renew a CHANNEL's signing secret; for 24 hours calls carry the signatures of both."""
    return await api.post(f"{await _path(api, channel)}/signing-secret")


@channels.command()
@click.argument("channel")
@click.confirmation_option("--yes", "-y", prompt="Deliveries that wait for this channel will be dead. Go on?")
@acts
async def remove(api: Api, *, channel: str) -> str:
    """Remove a CHANNEL."""
    await api.delete(await _path(api, channel))
    return f"Removed: {channel}."


@channels.command()
@click.argument("channel")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@calls_api
async def test(api: Api, *, channel: str, as_json: bool) -> None:
    """Send a marked test message to a CHANNEL; exit 1 if the receiver does not take it."""
    result = await api.post(f"{await _path(api, channel)}/test")
    if as_json:
        screen.show_json(result)
    elif result["ok"]:
        print(f"Delivered in {result['duration_ms']} ms: {screen.clean(result['detail'])}")
    else:
        click.echo(f"Not delivered: {screen.clean(result['detail'])}", err=True)
    if not result["ok"]:
        sys.exit(1)

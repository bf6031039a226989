"""`keepwatch hosts`: the machines of the fleet."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from cli.client import screen
from cli.client.api import Api, Query
from cli.client.command import acts, lists, shows
from cli.client.groups import groups
from cli.client.inputs import PAIR, SECRET_FILE, changes, given, one_of, secret, secret_pairs
from cli.client.names import host_id, id_of, short
from cli.client.schedules import schedules
from shared.vocabulary import HostStatus

TITLES = ("ID", "NAME", "STATUS", "LAST SEEN", "ALERTS", "REPOSITORY", "LABELS")
NEVER = "never"
OFFLINE_AFTER = "Seconds of silence until an alert, or 'never' for a laptop."


@click.group()
def hosts() -> None:
    """See, add, change and remove hosts, their source groups and schedules."""


hosts.add_command(groups)
hosts.add_command(schedules)


def _row(host: dict[str, Any], at: datetime) -> Sequence[object]:
    repository = (host["repository"] or {}).get("name")
    labels = " ".join(f"{key}={value}" for key, value in host["labels"].items())
    seen = screen.ago(host["last_seen_at"], at)
    return short(host["id"]), host["name"], host["status"], seen, host["open_alerts"], repository, labels


def _with_token(host: dict[str, Any], at: datetime) -> RenderableType:
    start = "Shown this once. On the host, keep it in a file that only root can read, and run:"
    command = "keepwatch agent --server URL --token-file FILE"
    return Group(screen.page(host, at), Text(), Text(start), Text(f"  {command}"))


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value == NEVER:
        return value
    if not value.isdigit():
        raise click.BadParameter("must be a number of seconds, or 'never'.")
    return int(value)


@hosts.command("list")
@click.option("--status", "statuses", type=one_of(HostStatus), multiple=True)
@click.option("--label", "labels", metavar="KEY=VALUE", multiple=True)
@click.option("--search", metavar="TEXT", help="A part of the name.")
@lists(TITLES, _row, "No such hosts.")
async def list_(_: Api, *, statuses: Sequence[str], labels: Sequence[str], search: str | None) -> tuple[str, Query]:
    """List hosts by name."""
    return "/hosts", {"status": statuses, "label": labels, "q": search}


@hosts.command()
@click.argument("host")
@shows(screen.page)
async def show(api: Api, *, host: str) -> Any:
    """Show one HOST."""
    return await api.get(f"/hosts/{await host_id(api, host)}")


@hosts.command()
@click.argument("name")
@click.option("--label", "labels", type=PAIR, multiple=True, help="May repeat.")
@click.option("--repository", metavar="NAME", help="One that exists.")
@click.option("--repository-url", metavar="URL", help="A new one, at a URL without a password.")
@click.option("--repository-url-file", type=SECRET_FILE, help="A new one, at the URL in this file.")
@click.option("--repository-password-file", type=SECRET_FILE, help="Its password.")
@click.option("--repository-env-file", type=SECRET_FILE, help="Its environment, KEY=VALUE lines (AWS_*, B2_* …).")
@click.option("--offline-after", callback=_seconds, metavar="SECONDS|never", help=OFFLINE_AFTER)
@shows(_with_token)
async def add(  # noqa: PLR0913  one per field
    api: Api,
    *,
    name: str,
    labels: Sequence[tuple[str, str]],
    repository: str | None,
    repository_url: str | None,
    repository_url_file: Path | None,
    repository_password_file: Path | None,
    repository_env_file: Path | None,
    offline_after: int | str | None,
) -> Any:
    """Add a host called NAME; prints the token for its agent, once."""
    made = given(
        url=repository_url or secret(repository_url_file),
        password=secret(repository_password_file),
        env=secret_pairs(repository_env_file, "="),
    )
    if repository and made:
        raise click.UsageError("Name a repository that exists, or describe a new one, not both.")
    body = given(
        name=name,
        labels=dict(labels) or None,
        repository_id=await id_of(api, "/repositories", repository, "repository") if repository else None,
        repository=made or None,
        offline_after_seconds=offline_after,
    )
    return await api.post("/hosts", _null_for_never(body))


def _null_for_never(body: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value == NEVER and name == "offline_after_seconds" else value for name, value in body.items()}


@hosts.command()
@click.argument("host")
@click.option("--name", metavar="NAME", help="Its new name.")
@click.option("--label", "labels", type=PAIR, multiple=True, help="Set a label; may repeat.")
@click.option("--unlabel", "unlabels", metavar="KEY", multiple=True, help="Remove a label; may repeat.")
@click.option("--repository", metavar="NAME", help="Where its backups go from now on.")
@click.option("--offline-after", callback=_seconds, metavar="SECONDS|never", help=OFFLINE_AFTER)
@shows(screen.page)
async def edit(  # noqa: PLR0913  one per field
    api: Api,
    *,
    host: str,
    name: str | None,
    labels: Sequence[tuple[str, str]],
    unlabels: Sequence[str],
    repository: str | None,
    offline_after: int | str | None,
) -> Any:
    """Change a HOST; what is not named stays."""
    changes(name=name, labels=labels, unlabels=unlabels, repository=repository, offline_after=offline_after)
    path = f"/hosts/{await host_id(api, host)}"
    body = given(
        name=name,
        labels=await _labels(api, path, labels, unlabels) if labels or unlabels else None,
        repository_id=await id_of(api, "/repositories", repository, "repository") if repository else None,
        offline_after_seconds=offline_after,
    )
    return await api.patch(path, _null_for_never(body))


async def _labels(api: Api, path: str, setting: Sequence[tuple[str, str]], removing: Sequence[str]) -> dict[str, str]:
    labels = {**(await api.get(path))["labels"], **dict(setting)}
    return {key: value for key, value in labels.items() if key not in removing}


@hosts.command()
@click.argument("host")
@click.confirmation_option("--yes", "-y", prompt="This removes the host's jobs and ends its agent's token. Go on?")
@acts
async def remove(api: Api, *, host: str) -> str:
    """Remove a HOST with its jobs; its alerts are resolved, its repository stays as it is."""
    await api.delete(f"/hosts/{await host_id(api, host)}")
    return f"Removed: {host}."


@hosts.command()
@click.argument("host")
@click.confirmation_option("--yes", "-y", prompt="The agent that uses the old token is cut off at once. Go on?")
@shows(_with_token)
async def token(api: Api, *, host: str) -> Any:
    """Make a new token for the agent of a HOST."""
    return await api.post(f"/hosts/{await host_id(api, host)}/token")

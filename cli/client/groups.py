"""`keepwatch hosts groups`: what of a host is backed up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from cli.client import screen
from cli.client.api import Api, Query
from cli.client.command import acts, lists, shows
from cli.client.inputs import changes, given, options
from cli.client.names import group_of, host_id, short
from shared.vocabulary import Engine

TITLES = ("ID", "NAME", "ENGINE", "LAST SUCCESS", "LAST JOB", "PATHS")
KEEPS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


@click.group()
def groups() -> None:
    """See, add, change and remove the source groups of a host."""


def _row(group: dict[str, Any], at: datetime) -> Sequence[object]:
    success = screen.ago(group["last_success_at"], at)
    last_job = (group["last_job"] or {}).get("status")
    return short(group["id"]), group["name"], group["engine"], success, last_job, " ".join(group["paths"])


_fields = options(
    click.option("--path", "paths", metavar="PATH", multiple=True, help="An absolute path; may repeat."),
    click.option("--exclude", "excludes", metavar="PATTERN", multiple=True, help="May repeat."),
    *(click.option(f"--keep-{unit}", type=click.IntRange(min=1), metavar="N") for unit in KEEPS),
    click.option("--keep-within", metavar="SPAN", help="Such as 30d or 1y6m."),
    click.argument("command", nargs=-1, metavar="[-- PROGRAM ARGUMENT...]"),
)


def _body(
    paths: Sequence[str], excludes: Sequence[str], command: Sequence[str], keeps: dict[str, Any]
) -> dict[str, Any]:
    return given(
        paths=list(paths) or None,
        excludes=list(excludes) or None,
        engine=Engine.COMMAND if command else None,
        command=list(command) or None,
        retention=given(**keeps) or None,
    )


@groups.command("list")
@click.argument("host")
@lists(TITLES, _row, "This host has no source groups.")
async def list_(api: Api, *, host: str) -> tuple[str, Query]:
    """List the source groups of a HOST."""
    return f"/hosts/{await host_id(api, host)}/source-groups", {}


@groups.command()
@click.argument("host")
@click.argument("group")
@shows(screen.page)
async def show(api: Api, *, host: str, group: str) -> Any:
    """Show one GROUP of a HOST."""
    return await api.get(f"/source-groups/{await group_of(api, await host_id(api, host), group)}")


@groups.command()
@click.argument("host")
@click.argument("name")
@_fields
@shows(screen.page)
async def add(  # noqa: PLR0913  one per field
    api: Api,
    *,
    host: str,
    name: str,
    paths: Sequence[str],
    excludes: Sequence[str],
    command: Sequence[str],
    **keeps: Any,
) -> Any:
    """Add a source group called NAME to a HOST.

    \b
    keepwatch hosts groups add web-01 mail --path /srv/mail --keep-daily 7
    keepwatch hosts groups add web-01 db --path /var/lib/db -- /usr/local/bin/dump-db
    """  # noqa: D301  \b is click's, to keep the lines
    body = {"name": name, "paths": [], **_body(paths, excludes, command, keeps)}
    return await api.post(f"/hosts/{await host_id(api, host)}/source-groups", body)


@groups.command()
@click.argument("host")
@click.argument("group")
@click.option("--name", metavar="NAME", help="Its new name.")
@click.option("--keep-everything", is_flag=True, help="No retention any more.")
@_fields
@shows(screen.page)
async def edit(  # noqa: PLR0913  one per field
    api: Api,
    *,
    host: str,
    group: str,
    name: str | None,
    keep_everything: bool,
    paths: Sequence[str],
    excludes: Sequence[str],
    command: Sequence[str],
    **keeps: Any,
) -> Any:
    """Change a GROUP of a HOST; a list or the retention that is named replaces the old one."""
    body = _body(paths, excludes, command, keeps)
    if keep_everything:
        body["retention"] = None
    body = body | given(name=name)
    if not body:
        changes()
    identity = await group_of(api, await host_id(api, host), group)
    return await api.patch(f"/source-groups/{identity}", body)


@groups.command()
@click.argument("host")
@click.argument("group")
@click.confirmation_option("--yes", "-y", prompt="This resolves the group's alerts; its jobs stay. Go on?")
@acts
async def remove(api: Api, *, host: str, group: str) -> str:
    """Remove a GROUP of a HOST; snapshots stay in the repository."""
    await api.delete(f"/source-groups/{await group_of(api, await host_id(api, host), group)}")
    return f"Removed: {host}/{group}."

"""`keepwatch hosts schedules`: when jobs are made."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from cli.client import screen
from cli.client.api import Api, Query
from cli.client.command import acts, lists, shows
from cli.client.inputs import changes, given, one_of
from cli.client.names import group_of, host_id, id_of, short
from shared.vocabulary import JobKind

TITLES = ("ID", "KIND", "CRON", "TIMEZONE", "GROUPS", "ENABLED", "NEXT RUN", "LAST RUN")


@click.group()
def schedules() -> None:
    """See, add, change and remove the schedules of a host."""


def _row(schedule: dict[str, Any], at: datetime) -> Sequence[object]:
    wanted = schedule["source_group_ids"]
    return (
        short(schedule["id"]),
        schedule["kind"],
        schedule["cron"],
        schedule["timezone"],
        " ".join(short(group) for group in wanted) if wanted else "all" if schedule["kind"] == JobKind.BACKUP else "",
        "yes" if schedule["enabled"] else "no",
        screen.ago(schedule["next_run_at"], at),
        screen.ago(schedule["last_run_at"], at),
    )


async def _path(api: Api, host: str, reference: str) -> str:
    listed = f"/hosts/{await host_id(api, host)}/schedules"
    return f"/schedules/{await id_of(api, listed, reference, 'schedule')}"


@schedules.command("list")
@click.argument("host")
@lists(TITLES, _row, "This host has no schedules.")
async def list_(api: Api, *, host: str) -> tuple[str, Query]:
    """List the schedules of a HOST."""
    return f"/hosts/{await host_id(api, host)}/schedules", {}


@schedules.command()
@click.argument("host")
@click.argument("schedule")
@shows(screen.page)
async def show(api: Api, *, host: str, schedule: str) -> Any:
    """Show one SCHEDULE of a HOST."""
    return await api.get(await _path(api, host, schedule))


@schedules.command()
@click.argument("host")
@click.option("--kind", type=one_of(JobKind), default=JobKind.BACKUP.value, show_default=True)
@click.option("--cron", required=True, metavar="'M H D M W'", help="Five fields, as in a crontab.")
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE", help="Such as Europe/Berlin.")
@click.option(
    "--group", "groups", metavar="GROUP", multiple=True, help="Only these groups; default: all, later ones too."
)
@click.option("--disabled", is_flag=True, help="Do not start it yet.")
@shows(screen.page)
async def add(  # noqa: PLR0913  one per field
    api: Api, *, host: str, kind: str, cron: str, timezone: str, groups: Sequence[str], disabled: bool
) -> Any:
    """Add a schedule to a HOST.

    \b
    keepwatch hosts schedules add web-01 --cron '30 2 * * *' --timezone Europe/Berlin
    """  # noqa: D301  \b is click's, to keep the lines
    identity = await host_id(api, host)
    body = given(
        kind=kind,
        cron=cron,
        timezone=timezone,
        source_group_ids=[await group_of(api, identity, group) for group in groups] or None,
        enabled=not disabled,
    )
    return await api.post(f"/hosts/{identity}/schedules", body)


@schedules.command()
@click.argument("host")
@click.argument("schedule")
@click.option("--cron", metavar="'M H D M W'")
@click.option("--timezone", metavar="ZONE")
@click.option("--group", "groups", metavar="GROUP", multiple=True, help="Only these groups.")
@click.option("--all-groups", is_flag=True, help="All groups, later ones too.")
@click.option("--enable/--disable", "enabled", default=None)
@shows(screen.page)
async def edit(  # noqa: PLR0913  one per field
    api: Api,
    *,
    host: str,
    schedule: str,
    cron: str | None,
    timezone: str | None,
    groups: Sequence[str],
    all_groups: bool,
    enabled: bool | None,
) -> Any:
    """Change a SCHEDULE of a HOST; what is not named stays."""
    changes(cron=cron, timezone=timezone, groups=groups, all_groups=all_groups or None, enabled=enabled)
    body = given(cron=cron, timezone=timezone, enabled=enabled)
    if groups or all_groups:
        identity = await host_id(api, host)
        body["source_group_ids"] = [await group_of(api, identity, group) for group in groups] or None
    return await api.patch(await _path(api, host, schedule), body)


@schedules.command()
@click.argument("host")
@click.argument("schedule")
@acts
async def remove(api: Api, *, host: str, schedule: str) -> str:
    """Remove a SCHEDULE of a HOST."""
    await api.delete(await _path(api, host, schedule))
    return f"Removed: {schedule}."

"""The fields of a schedule as people type them, and what they stand for."""

from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from services.api.forms import Form
from shared.asks.schedules import Schedule
from shared.vocabulary import JobKind

TEXTS = ("kind", "cron", "timezone", "which", "enabled")
FIELDS = {*TEXTS, "source_group_ids"}
EXAMPLES = {
    "30 2 * * *": "every day at 02:30",
    "0 */6 * * *": "every 6 hours",
    "15 * * * *": "every hour, at a quarter past",
    "0 3 * * 0": "Sundays at 03:00",
    "0 4 1 * *": "the first of each month at 04:00",
}
Typed = dict[str, Any]


def new() -> Typed:
    """A form that nobody has filled in yet; without a timezone, a script puts the reader's own."""
    return {"kind": JobKind.BACKUP.value, "cron": "30 2 * * *", "which": "all", "enabled": "yes", "chosen": set()}


def typed(form: Form) -> Typed:
    """What was typed, to be shown again."""
    return {name: form.text(name) for name in TEXTS} | {"chosen": set(form.all("source_group_ids"))}


def shown(schedule: Schedule) -> Typed:
    """A schedule as its form shows it."""
    return {
        "kind": schedule.kind.value,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "which": "all" if schedule.source_group_ids is None else "these",
        "enabled": "yes" if schedule.enabled else "",
        "chosen": {str(group) for group in schedule.source_group_ids or []},
    }


def values(form: Form) -> dict[str, Any]:
    """The fields; only backups are about source groups."""
    of_groups = form.text("kind") == JobKind.BACKUP and form.text("which") == "these"
    return {
        "kind": form.text("kind"),
        "cron": form.text("cron"),
        "timezone": form.text("timezone"),
        "source_group_ids": form.all("source_group_ids") if of_groups else None,
        "enabled": "enabled" in form,
    }


@cache
def timezones() -> list[str]:
    """Names to choose from: places first, as people know them."""
    names = (name for name in available_timezones() if name != "localtime" and not name.startswith(("Etc/", "posix")))
    return sorted(names, key=lambda name: ("/" not in name, name))


def in_zone(runs: list[datetime], timezone: str) -> list[tuple[datetime, str]]:
    """Moments, and how they are written on the clocks of this timezone."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return [(run, f"{run:%a %d %b %Y, %H:%M} UTC") for run in runs]
    return [(run, f"{run.astimezone(zone):%a %d %b %Y, %H:%M %Z}") for run in runs]

"""The fields of a source group as people type them, and what they stand for."""

from typing import Any

from services.api.forms import Form, needed
from shared.asks.source_groups import Retention, SourceGroup
from shared.vocabulary import Engine

TEXTS = ("name", "engine", "paths", "excludes", "command")
RULES = {
    "keep_last": "Last",
    "keep_hourly": "Hourly",
    "keep_daily": "Daily",
    "keep_weekly": "Weekly",
    "keep_monthly": "Monthly",
    "keep_yearly": "Yearly",
    "keep_within": "Within",
}
FIELDS = {*TEXTS, "retention", *(f"retention_{rule}" for rule in RULES)}
Typed = dict[str, str]


def new() -> Typed:
    """A form that nobody has filled in yet."""
    return {"engine": Engine.RESTIC.value}


def typed(form: Form) -> Typed:
    """What was typed, to be shown again."""
    return {name: form.text(name) for name in (*TEXTS, *(f"retention_{rule}" for rule in RULES))}


def shown(group: SourceGroup) -> Typed:
    """A group as its form shows it."""
    kept = group.retention or Retention.model_construct()
    rules = {f"retention_{rule}": getattr(kept, rule, None) for rule in RULES}
    return {
        "name": group.name,
        "engine": group.engine.value,
        "paths": "\n".join(group.paths),
        "excludes": "\n".join(group.excludes),
        "command": "\n".join(group.command or []),
        **{name: str(value) for name, value in rules.items() if value is not None},
    }


def values(form: Form) -> dict[str, Any]:
    """The fields; a command goes with its engine only, and without a rule everything is kept."""
    needed(form, "name", "paths")
    rules = {rule: form.optional(f"retention_{rule}") for rule in RULES}
    kept = {rule: value for rule, value in rules.items() if value is not None}
    by_command = form.text("engine") == Engine.COMMAND
    return {
        "name": form.text("name"),
        "engine": form.text("engine"),
        "paths": form.lines("paths"),
        "excludes": [] if by_command else form.lines("excludes"),
        "command": form.lines("command") if by_command else None,
        "retention": kept if kept and not by_command else None,
    }

"""How things look on a terminal: tables and pages, coloured there and plain anywhere else."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

STYLES = {
    "critical": "bold red",
    "failed": "red",
    "dead": "bold red",
    "offline": "red",
    "warning": "yellow",
    "open": "yellow",
    "running": "cyan",
    "dispatched": "cyan",
    "queued": "cyan",
    "pending": "cyan",
    "acked": "blue",
    "info": "dim",
    "never_seen": "dim",
    "skipped": "dim",
    "cancelled": "dim",
    "succeeded": "green",
    "delivered": "green",
    "resolved": "green",
    "online": "green",
}
NOTHING: tuple[object, ...] = (None, [], {})
WIDE = 10_000
"""Columns of an output that nobody looks at: lines are for `grep`, and never wrapped."""
UNITS = ((86400 * 2, 86400, "d"), (3600 * 2, 3600, "h"), (120, 60, "min"), (0, 1, "s"))


def console(*, stderr: bool = False) -> Console:
    """Where to print, as it is now."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else WIDE)


def now() -> datetime:
    """The time that `ago` counts from."""
    return datetime.now(UTC)


def show(what: RenderableType) -> None:
    """Print a table or a page, without the blanks that fill its last column."""
    out = console()
    if out.is_terminal:
        out.print(what)
        return
    with out.capture() as captured:
        out.print(what)
    print("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))


def show_json(data: Any) -> None:
    """Print the API's answer; nothing where it had none."""
    if data is not None:
        print(json.dumps(data, indent=2, ensure_ascii=False))


def clean(value: object) -> str:
    """Text from elsewhere, without the control characters that could take over a terminal."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in str(value))


def line(value: object) -> Text:
    """A value as one line in the colour of its word."""
    said = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
    text = "" if said is None else " ".join(clean(said).split())
    return Text(text, style=STYLES.get(text, ""))


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> RenderableType:
    """Rows under titles."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        made.add_column(title, overflow="fold")
    for row in rows:
        made.add_row(*(line(cell) for cell in row))
    return made


def page(data: dict[str, Any], at: datetime) -> RenderableType:
    """Every field of one thing."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in data.items():
        made.add_row(name.replace("_", " "), _value(name, value, at))
    return made


def _value(name: str, value: Any, at: datetime) -> Text:
    if value is None:
        return Text("-", style="dim")
    if name.endswith("_at"):
        return line(f"{value} ({ago(value, at)})")
    if isinstance(value, dict):
        return Text(", ".join(f"{key}={clean(held)}" for key, held in value.items() if held not in NOTHING) or "-")
    if isinstance(value, list):
        return Text("\n".join(clean(one) for one in value) or "-")
    return Text(clean(value)) if name == "message" else line(value)


def ago(time: str | None, at: datetime) -> str:
    """How long ago, or in how long, in one unit; `-` for never."""
    if time is None:
        return "-"
    seconds = (at - datetime.fromisoformat(time)).total_seconds()
    size, name = next((size, name) for least, size, name in UNITS if abs(seconds) >= least)
    count = f"{int(abs(seconds) // size)} {name}"
    return f"{count} ago" if seconds >= 0 else f"in {count}"

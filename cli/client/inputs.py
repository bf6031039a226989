"""What options accept: pairs, times, and secrets from files, since arguments can be read by everybody on a machine."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SECRET_FILE = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
"""A file, or `-` for standard input."""


class Pair(click.ParamType[tuple[str, str]]):
    """`KEY=VALUE`."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The two sides of the first `=`."""
        if isinstance(value, tuple):
            return value
        key, separator, held = str(value).partition("=")
        if not separator or not key:
            self.fail(f"'{value}' must look like key=value.", param, ctx)
        return key, held


class Moment(click.ParamType[str]):
    """A time: RFC 3339 with a zone, or `24h` and the like, counted from now in one direction."""

    name = "time"

    def __init__(self, direction: int) -> None:
        self.direction = direction

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time as the API wants it."""
        if match := re.fullmatch(r"(\d{1,5})([mhdw])", str(value)):
            span = timedelta(**{UNITS[match[2]]: int(match[1])})
            return (datetime.now(UTC) + self.direction * span).isoformat()
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(
                f"'{value}' must be a time with a zone (2026-01-31T00:00:00Z) or a span (30m, 24h, 7d).", param, ctx
            )
        return moment.isoformat()


def one_of(words: type[StrEnum]) -> click.Choice[str]:
    """The words of a vocabulary, as they are spelt in the API."""
    return click.Choice([word.value for word in words])


PAIR = Pair()
PAST = Moment(-1)
FUTURE = Moment(1)


def secret(path: Path | None) -> str | None:
    """What the file holds, without the line break at its end; null without a file."""
    if path is None:
        return None
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            return str(file.read()).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"Cannot read {path}: {reason(error)}.") from None


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be read, in a few words."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not text"


def secret_pairs(path: Path | None, separator: str) -> dict[str, str] | None:
    """One pair per line; empty lines and those that start with `#` are passed over."""
    text = secret(path)
    if text is None:
        return None
    pairs = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        key, found, value = line.partition(separator)
        if not found:
            raise click.ClickException(f"{path}, line {number}: there is no '{separator}'.")
        pairs[key.strip()] = value.strip()
    return pairs


def options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Options and arguments that several commands have, in this order."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given: an option left out is not in the request."""
    return {name: value for name, value in fields.items() if value is not None and value != ()}


def changes(**fields: Any) -> dict[str, Any]:
    """The same for an edit, which has to change something."""
    found = given(**fields)
    if not found:
        raise click.UsageError("Say what to change; --help lists the options.")
    return found

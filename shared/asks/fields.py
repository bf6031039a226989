"""The types of fields that people fill in: length, characters and ranges, with the sentence for each mistake."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

TEXT_BYTES = 4096
OBJECT_BYTES = 64 * 1024
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
# As the agent has it: what is accepted here must not be refused there, run after run.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What turns the direction of the text around it: a name could make our own words say something else.
_TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def _plain_text(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    if len(value.encode()) > TEXT_BYTES:
        raise ValueError(f"must be at most {TEXT_BYTES} bytes long")
    return value


def _name(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    if _TURNING.search(value):
        raise ValueError("must not contain characters that turn the direction of writing")
    if value.startswith("-"):
        raise ValueError("must not start with '-'")
    return value


def _path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("must be an absolute path")
    return value


def _argument(value: str) -> str:
    if value.startswith("-"):
        raise ValueError("must not start with '-'")
    return value


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    return value


def _no_stray_password(value: str) -> str:
    """A URL whose password has an unescaped slash means another host, and would be shown with half the password."""
    authority = value.partition("://")[2].partition("/")[0]
    port = authority.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
    sftp_user = value.removeprefix("sftp:").partition("/")[0].rpartition("@")[0] if value.startswith("sftp:") else ""
    if (port and not port.isdigit()) or ":" in sftp_user:
        raise ValueError("has a ':' that begins no port; in a password write '/' as %2F, and sftp takes none")
    return value


def _moment(value: datetime) -> datetime:
    try:
        utc = value.astimezone(UTC)
    except OverflowError:
        utc = value.replace(tzinfo=UTC)
    if not EARLIEST <= utc < LATEST:
        raise ValueError(f"must be between the years {EARLIEST.year} and {LATEST.year}")
    return utc


MOST_LEVELS = 100
"""Of objects and lists within each other: pydantic reads 200, and what carries such an object has levels of its own."""


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return not levels or any(
        _is_deeper(part, levels - 1) for part in (value.values() if isinstance(value, dict) else value)
    )


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        raise ValueError("must be plain JSON: no NaN, no infinity, not too deep") from None
    if _is_deeper(value, MOST_LEVELS):
        raise ValueError(f"must not be deeper than {MOST_LEVELS} levels")
    if len(text) > OBJECT_BYTES:
        raise ValueError(f"must be at most {OBJECT_BYTES} bytes long")
    if _holds_nul(value):
        raise ValueError("must not contain a NUL character")
    return value


def _holds_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_holds_nul(part) for item in value.items() for part in item)
        case list():
            return any(_holds_nul(item) for item in value)
        case _:
            return False


def without_userinfo(url: str) -> str:
    """The URL as it may be shown: without user name and password, also behind restic's `rest:` and the like."""
    # Not by urlsplit: it ends the userinfo at a "?" or "#" that somebody forgot to escape, and would show the password.
    return re.sub(r"(?<=://)[^/\s]*@", "", url)


Text = Annotated[str, AfterValidator(_plain_text)]
"""At most 4 kB of UTF-8, no NUL."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_name)]
"""1 to 200 characters on one line; unique without regard to case where the contract says so."""
AbsolutePath = Annotated[Text, StringConstraints(min_length=1), AfterValidator(_path), AfterValidator(_printable)]
Printable = Annotated[Text, AfterValidator(_printable)]
Argument = Annotated[Printable, StringConstraints(min_length=1), AfterValidator(_argument)]
"""A value that ends up behind an option of a program: never looks like an option itself."""
Url = Annotated[Argument, AfterValidator(_no_stray_password)]
Labels = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,63}$")], Annotated[Text, Field(max_length=255)]],
    Field(max_length=50),
]
"""`{key: value}`; keys are letters, digits, `_`, `.` and `-`."""
Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
"""A time with its zone, as UTC, that can be reckoned with and stored."""
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
"""At most 64 kB of JSON that PostgreSQL can store."""
Limit = Annotated[int, Field(ge=1, le=200)]


class Body(BaseModel):
    """A request's body: a misspelt field is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

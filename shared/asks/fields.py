"""The types of fields that people fill in: length, characters and ranges, with the sentence for each mistake."""

import re
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

TEXT_BYTES = 4096


def _plain_text(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    if len(value.encode()) > TEXT_BYTES:
        raise ValueError(f"must be at most {TEXT_BYTES} bytes long")
    return value


def _name(value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("must not contain control characters")
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
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("must not contain control characters")
    return value


def without_userinfo(url: str) -> str:
    """The URL as it may be shown: without user name and password, also behind restic's `rest:` and the like."""
    scheme, separator, rest = url.partition(":")
    if separator and "://" in rest:
        return f"{scheme}:{without_userinfo(rest)}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"//[^/@]*@", "//", url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


Text = Annotated[str, AfterValidator(_plain_text)]
"""At most 4 kB of UTF-8, no NUL."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_name)]
"""1 to 200 characters on one line; unique without regard to case where the contract says so."""
AbsolutePath = Annotated[Text, StringConstraints(min_length=1), AfterValidator(_path), AfterValidator(_printable)]
Argument = Annotated[Text, StringConstraints(min_length=1), AfterValidator(_argument)]
"""A value that ends up behind an option of a program: never looks like an option itself."""
Url = Annotated[Text, StringConstraints(min_length=1), AfterValidator(_argument), AfterValidator(_printable)]
Labels = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,63}$")], Annotated[Text, Field(max_length=255)]],
    Field(max_length=50),
]
"""`{key: value}`; keys are letters, digits, `_`, `.` and `-`."""
Limit = Annotated[int, Field(ge=1, le=200)]


class Body(BaseModel):
    """A request's body: a misspelt field is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

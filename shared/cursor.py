"""Cursors of key-set pages: opaque to clients, the last row's key to us."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from shared.asks.ask import Page
from shared.refusal import Refusal

Item = TypeVar("Item")


def encode(*key: Any) -> str:
    """A cursor that says: go on after this key."""
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def decode_time_and_id(cursor: str | None) -> tuple[datetime | None, UUID | None] | Refusal:
    """The key of a list that is newest first; nothing for the first page."""
    if cursor is None:
        return None, None
    try:
        at, identity = _decode(cursor)
        return datetime.fromisoformat(at).astimezone(UTC), UUID(identity)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return Refusal.invalid(("/cursor", "is not a cursor of this list"))


def decode_name(cursor: str | None) -> str | Refusal | None:
    """The key of a list that is sorted by name; nothing for the first page."""
    if cursor is None:
        return None
    try:
        match _decode(cursor):
            # JSON can spell half of a surrogate pair, which is no text that the database takes.
            case [str(name)] if b"\0" not in name.encode():
                return name
    except ValueError:
        pass
    return Refusal.invalid(("/cursor", "is not a cursor of this list"))


def _decode(cursor: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, UnicodeError) as error:
        raise ValueError(str(error)) from error


def page(items: Sequence[Item], limit: int, key: Callable[[Item], tuple[Any, ...]]) -> Page[Item]:
    """The page of at most `limit` items out of the `limit + 1` that were read, to see whether more follow."""
    shown = list(items[:limit])
    more = len(items) > limit
    return Page(items=shown, next_cursor=encode(*key(shown[-1])) if more else None)

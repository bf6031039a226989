"""PATCH: an absent field stays, null clears what may be cleared."""

from collections.abc import Collection
from typing import TypeVar

import asyncpg
from pydantic import BaseModel

from shared.refusal import Refusal

Resource = TypeVar("Resource", bound=BaseModel)


def nulls_refused(changes: BaseModel, clearable: Collection[str]) -> Refusal | None:
    """A refusal for each null in a field that can't be empty."""
    nulls = [
        (f"/{name}", "must not be null")
        for name in sorted(changes.model_fields_set)
        if getattr(changes, name) is None and name not in clearable
    ]
    return Refusal.invalid(*nulls) if nulls else None


def changed(resource: Resource, changes: BaseModel) -> Resource:
    """The resource with the changes that were named."""
    known = type(resource).model_fields
    return resource.model_copy(
        update={name: getattr(changes, name) for name in changes.model_fields_set if name in known}
    )


def violates(error: asyncpg.IntegrityConstraintViolationError, invariant: str) -> bool:
    """Whether it was this invariant that the database kept."""
    return bool(error.constraint_name == invariant)

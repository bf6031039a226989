"""How a statement tells of what it has claimed."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from pydantic_core import from_json

from services.notifier.model import BuiltIn, Claimed, Target
from shared.vocabulary import ChannelKind


def claims(rows: Sequence[asyncpg.Record]) -> list[Claimed]:
    """From rows with id, token, tries, type, payload, and of the channel its id, kind and the rest of a target."""
    targets: dict[UUID, Target] = {}  # few, each of many deliveries
    for row in rows:
        if row["channel_id"] not in targets:
            targets[row["channel_id"]] = _target(row)
    return [
        Claimed(row["id"], row["token"], row["tries"], row["type"], row["payload"], targets[row["channel_id"]])
        for row in rows
    ]


def _target(row: asyncpg.Record) -> Target:
    return Target(
        channel_id=row["channel_id"],
        kind=BuiltIn.SINK if row["kind"] == BuiltIn.SINK else ChannelKind(row["kind"]),
        config=from_json(row["config"]),
        secrets=row["secrets"],
        at_most_once=row["at_most_once"],
        generation=row["generation"],
    )

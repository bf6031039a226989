"""How a statement tells where deliveries to a channel go."""

import asyncpg
from pydantic_core import from_json

from services.notifier.model import BuiltIn, Target
from shared.vocabulary import ChannelKind


def target(row: asyncpg.Record) -> Target:
    """From a row with channel_id, kind, config, secrets, at_most_once and generation."""
    return Target(
        channel_id=row["channel_id"],
        kind=BuiltIn.SINK if row["kind"] == BuiltIn.SINK else ChannelKind(row["kind"]),
        config=from_json(row["config"]),
        secrets=row["secrets"],
        at_most_once=row["at_most_once"],
        generation=row["generation"],
    )

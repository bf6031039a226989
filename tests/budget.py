"""What work on the database costs, counted instead of timed: a change in shape fails on any machine."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from shared.db import BY_INDEX

PAST = ["nothing happened before", "all that happened before is over"]
"""Statistics of quiet times promise a storm few rows that are open or wait; a plan must not be made for that."""
READ = """
SELECT indexrelname AS name, idx_tup_read AS count FROM pg_stat_user_indexes WHERE schemaname = $1
UNION ALL
SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE schemaname = $1
"""
MOVED = """
SELECT relname AS name, n_tup_upd - n_tup_hot_upd AS count FROM pg_stat_user_tables WHERE schemaname = $1
"""


@dataclass
class Cost:
    """`read` counts entries by index, and by table rows that were read without one.

    `moved` counts by table rows whose new versions found no room on their page, or changed what an index holds: of each
    of them every index of the table had to be told.
    """

    statements: list[str]
    read: Counter[str]
    moved: Counter[str]


async def plan_by_index(connection: asyncpg.Connection) -> None:
    """Plan as the hot loops' own connections do."""
    for setting in BY_INDEX.items():
        await connection.execute("SELECT set_config($1, $2, false)", *setting)


async def gather_statistics(connection: asyncpg.Connection) -> None:
    """Let the planner know what is there now, and the visibility of it."""
    await connection.execute("VACUUM ANALYZE")


async def cost(
    connection: asyncpg.Connection, schema: str, work: Callable[[asyncpg.Connection], Awaitable[Any]]
) -> Cost:
    """What this work costs in a transaction of its own, on tables of this schema that nobody else uses now."""
    read, moved, statements = await _count(connection, READ, schema), await _count(connection, MOVED, schema), []
    async with connection.transaction():
        with connection.query_logger(lambda record: statements.append(record.query)):
            await work(connection)
    return Cost(
        statements,
        await _count(connection, READ, schema) - read,
        await _count(connection, MOVED, schema) - moved,
    )


async def _count(connection: asyncpg.Connection, what: str, schema: str) -> Counter[str]:
    await connection.execute("SELECT pg_stat_force_next_flush()")
    return Counter({row["name"]: row["count"] or 0 for row in await connection.fetch(what, schema)})

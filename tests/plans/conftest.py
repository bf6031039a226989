"""What PostgreSQL does for a statement of ours, on tables that are large enough for a bad plan to show."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import pytest


@dataclass
class Plan:
    """How a statement was carried out."""

    root: dict

    @property
    def nodes(self) -> list[dict]:
        return list(_below(self.root))

    @property
    def scans(self) -> set[tuple[str, str]]:
        """Kind of scan and what was scanned: the index, or the table where there was none."""
        return {
            (node["Node Type"], node.get("Index Name") or node["Relation Name"])
            for node in self.nodes
            if "Relation Name" in node or "Index Name" in node
        }

    @property
    def rows_read(self) -> float:
        """Rows that came out of tables and indexes, or were thrown away right there."""
        leaves = [node for node in self.nodes if "Relation Name" in node]
        return sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in leaves
        )


def _below(node: dict) -> Iterator[dict]:
    yield node
    for child in node.get("Plans", []):
        yield from _below(child)


class Explaining:
    """In the place of a pool or a connection: carries statements out, keeps their plan, and gives no rows."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.plan: Plan | None = None

    async def fetch(self, statement: str, *values) -> list:
        told = await self.pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
        self.plan = Plan(json.loads(told)[0]["Plan"])
        return []


@pytest.fixture
def plan_of(pool):
    """Carries out a query function and tells how PostgreSQL did."""

    async def carry_out(query, *arguments, **more) -> Plan:
        explaining = Explaining(pool)
        await query(explaining, *arguments, **more)
        return explaining.plan

    return carry_out


@pytest.fixture
def fill(pool):
    """Writes many rows by these statements, and leaves the tables as a vacuum does."""

    async def write(*statements: str, tables: tuple[str, ...]) -> None:
        async with pool.acquire() as connection:
            # The tests' server commits lazily, and what is not on disk yet is not marked as visible to all.
            await connection.execute("SET synchronous_commit = on")
            for statement in statements:
                await connection.execute(statement)
            for table in tables:
                await connection.execute(f"VACUUM ANALYZE {table}")

    return write

"""Statements that seal the repositories' secrets anew."""

from uuid import UUID

from shared.db import Connection


async def read(connection: Connection) -> list[tuple[UUID, bytes]]:
    """The sealed secrets of every repository."""
    rows = await connection.fetch("SELECT id, secrets FROM jobs.repository ORDER BY id")
    return [(row["id"], row["secrets"]) for row in rows]


async def replace(connection: Connection, repository: UUID, old: bytes, new: bytes) -> None:
    """Keep these secrets instead, unless somebody changed them meanwhile."""
    await connection.execute(
        "UPDATE jobs.repository SET secrets = $3 WHERE id = $1 AND secrets = $2", repository, old, new
    )

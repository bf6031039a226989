"""The demo's inbox."""

import asyncpg

from services.api.queries import Executor


async def keep_inbox_secret(tx: Executor, sealed: bytes) -> None:
    """Keep the secret of the demo's inbox instead of the one before."""
    await tx.execute(
        """
        INSERT INTO api.inbox_secret (sealed) VALUES ($1)
        ON CONFLICT (only_one) DO UPDATE SET sealed = excluded.sealed
        """,
        sealed,
    )


async def find_inbox_secret(tx: Executor) -> bytes | None:
    """The sealed secret of the demo's inbox."""
    found: bytes | None = await tx.fetchval("SELECT sealed FROM api.inbox_secret")
    return found


async def add_inbox_call(tx: Executor, webhook_id: str, signature_valid: bool, body: str, most: int) -> None:  # noqa: FBT001  a column's value
    """Remember a call; only the last ones are kept."""
    await tx.execute(
        """
        WITH old AS (
            DELETE FROM api.inbox_call
            WHERE id <= (SELECT id FROM api.inbox_call ORDER BY id DESC OFFSET $4 - 1 LIMIT 1)
        )
        INSERT INTO api.inbox_call (webhook_id, signature_valid, body) VALUES ($1, $2, $3)
        """,
        webhook_id,
        signature_valid,
        body,
        most,
    )


async def list_inbox_calls(tx: Executor, most: int) -> list[asyncpg.Record]:
    """The calls of the demo's inbox, newest first."""
    return await tx.fetch(
        "SELECT received_at, webhook_id, signature_valid, body FROM api.inbox_call ORDER BY id DESC LIMIT $1", most
    )

"""API tokens."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.api.queries import Executor
from shared.vocabulary import Role


@dataclass(frozen=True)
class KnownToken:
    """Who an API token speaks for."""

    id: UUID
    name: str
    role: Role
    expires_at: datetime | None


async def find_token(tx: Executor, digest: bytes) -> KnownToken | None:
    """The token that is valid now; notes its use, at most once a minute."""
    row = await tx.fetchrow(
        """
        WITH used AS (
            UPDATE api.token SET last_used_at = now()
            WHERE digest = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
        )
        SELECT id, name, role, expires_at FROM api.token
        WHERE digest = $1 AND (expires_at IS NULL OR expires_at > now())
        """,
        digest,
    )
    return KnownToken(row["id"], row["name"], Role(row["role"]), row["expires_at"]) if row else None


async def list_tokens(tx: Executor, after: tuple[datetime | None, UUID | None], most: int) -> list[asyncpg.Record]:
    """API tokens, newest first, from `after` on."""
    return await tx.fetch(
        """
        SELECT id, name, role, expires_at, last_used_at, created_at FROM api.token
        WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)
        ORDER BY created_at DESC, id DESC LIMIT $3
        """,
        *after,
        most,
    )


async def add_token(
    tx: Executor, name: str, role: Role, digest: bytes, expires_at: datetime | None
) -> asyncpg.Record | None:
    """A new API token; None when it would have ended already."""
    return await tx.fetchrow(
        """
        INSERT INTO api.token (name, role, digest, expires_at)
        SELECT $1, $2, $3, $4::timestamptz WHERE $4 IS NULL OR $4 > now()
        RETURNING id, name, role, expires_at, last_used_at, created_at
        """,
        name,
        role,
        digest,
        expires_at,
    )


async def remove_token(tx: Executor, token_id: UUID) -> bool | None:
    """Whether the token is gone; the environment's stays, since it would be back at the next start. Null: no such."""
    removed: bool | None = await tx.fetchval(
        """
        WITH removed AS (DELETE FROM api.token WHERE id = $1 AND NOT from_environment)
        SELECT NOT from_environment FROM api.token WHERE id = $1
        """,
        token_id,
    )
    return removed


async def keep_environment_token(tx: Executor, name: str, digest: bytes) -> None:
    """The environment's admin token exists and is the only one from there."""
    await tx.execute(
        """
        INSERT INTO api.token (name, role, digest, from_environment) VALUES ($1, 'admin', $2, true)
        ON CONFLICT (from_environment) WHERE from_environment
        DO UPDATE SET digest = excluded.digest, last_used_at = NULL, created_at = now()
        WHERE token.digest <> excluded.digest
        """,
        name,
        digest,
    )

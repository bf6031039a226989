"""Users."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.api.queries import Executor
from shared.vocabulary import Role


@dataclass(frozen=True)
class KnownUser:
    """A user, and the hash of the password."""

    id: UUID
    name: str
    role: Role
    password_hash: str
    environment_hash: str | None


async def find_user_by_name(tx: Executor, name: str) -> KnownUser | None:
    """The user of this name, whatever its case."""
    row = await tx.fetchrow(
        """
        SELECT id, name, role, password_hash, environment_hash FROM api.user WHERE lower(name) = lower($1)
        """,
        name,
    )
    if row is None:
        return None
    return KnownUser(row["id"], row["name"], Role(row["role"]), row["password_hash"], row["environment_hash"])


async def find_user(tx: Executor, user_id: UUID) -> asyncpg.Record | None:
    """One user."""
    return await tx.fetchrow("SELECT id, name, role, created_at FROM api.user WHERE id = $1", user_id)


async def find_password_hash(tx: Executor, user_id: UUID) -> str | None:
    """What is kept of a user's password."""
    found: str | None = await tx.fetchval("SELECT password_hash FROM api.user WHERE id = $1", user_id)
    return found


async def list_users(tx: Executor, after: tuple[datetime | None, UUID | None], most: int) -> list[asyncpg.Record]:
    """Users, newest first, from `after` on."""
    return await tx.fetch(
        """
        SELECT id, name, role, created_at FROM api.user
        WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)
        ORDER BY created_at DESC, id DESC LIMIT $3
        """,
        *after,
        most,
    )


async def add_user(tx: Executor, name: str, role: Role, password_hash: str) -> asyncpg.Record | None:
    """A new user; None when the name is taken."""
    return await tx.fetchrow(
        """
        INSERT INTO api.user (name, role, password_hash) VALUES ($1, $2, $3)
        ON CONFLICT (lower(name)) DO NOTHING
        RETURNING id, name, role, created_at
        """,
        name,
        role,
        password_hash,
    )


async def lock_users(tx: Executor) -> None:
    """Nobody else changes users until this transaction ends, so that one administrator surely remains."""
    await tx.execute("LOCK TABLE api.user IN SHARE ROW EXCLUSIVE MODE")


async def is_last_admin(tx: Executor, user_id: UUID) -> bool:
    """Whether this user is the only administrator."""
    return bool(
        await tx.fetchval(
            "SELECT bool_and(id = $1) FROM api.user WHERE role = 'admin'",
            user_id,
        )
    )


async def change_user(
    tx: Executor, user_id: UUID, name: str | None, role: Role | None, password_hash: str | None
) -> asyncpg.Record | None:
    """The user with what is given changed; None when there is no such user."""
    return await tx.fetchrow(
        """
        UPDATE api.user SET
            name = coalesce($2, name), role = coalesce($3, role), password_hash = coalesce($4, password_hash)
        WHERE id = $1
        RETURNING id, name, role, created_at
        """,
        user_id,
        name,
        role,
        password_hash,
    )


async def remove_user(tx: Executor, user_id: UUID) -> bool:
    """Whether there was such a user; the sessions end."""
    return await tx.fetchval("DELETE FROM api.user WHERE id = $1 RETURNING true", user_id) is True


async def keep_environment_admin(tx: Executor, name: str, password_hash: str) -> UUID:
    """The user exists and has the environment's password."""
    found: UUID = await tx.fetchval(
        """
        INSERT INTO api.user (name, role, password_hash, environment_hash) VALUES ($1, 'admin', $2, $2)
        ON CONFLICT (lower(name))
        DO UPDATE SET password_hash = excluded.password_hash, environment_hash = excluded.environment_hash
        RETURNING id
        """,
        name,
        password_hash,
    )
    return found

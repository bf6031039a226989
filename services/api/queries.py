"""Every SQL statement of the gateway."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from shared.db import Connection, Pool
from shared.vocabulary import Role

Executor = Connection | Pool


@dataclass(frozen=True)
class KnownToken:
    """Who an API token speaks for."""

    id: UUID
    name: str
    role: Role
    expires_at: datetime | None


@dataclass(frozen=True)
class KnownUser:
    """A user, and the hash of the password."""

    id: UUID
    name: str
    role: Role
    password_hash: str
    environment_hash: str | None


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


async def find_session(tx: Executor, digest: bytes) -> KnownUser | None:
    """The user of a session that has not ended."""
    row = await tx.fetchrow(
        """
        SELECT owner.id, owner.name, owner.role, owner.password_hash, owner.environment_hash
        FROM api.session
        JOIN api.user AS owner ON owner.id = session.user_id
        WHERE session.digest = $1 AND session.expires_at > now()
        """,
        digest,
    )
    return KnownUser(row["id"], row["name"], Role(row["role"]), row["password_hash"], None) if row else None


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


async def start_session(tx: Executor, digest: bytes, user_id: UUID, lifetime: timedelta) -> None:
    """Remember a session; those that have ended are forgotten."""
    await tx.execute(
        """
        WITH ended AS (DELETE FROM api.session WHERE expires_at < now())
        INSERT INTO api.session (digest, user_id, expires_at) VALUES ($1, $2, now() + $3)
        """,
        digest,
        user_id,
        lifetime,
    )


async def end_session(tx: Executor, digest: bytes) -> None:
    """Sign out."""
    await tx.execute("DELETE FROM api.session WHERE digest = $1", digest)


async def end_sessions_of(tx: Executor, user_id: UUID) -> None:
    """Sign a user out everywhere; links not used yet end as well."""
    await tx.execute(
        """
        WITH links AS (DELETE FROM api.login_link WHERE user_id = $1)
        DELETE FROM api.session WHERE user_id = $1
        """,
        user_id,
    )


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


async def make_login_link(tx: Executor, digest: bytes, user_id: UUID, lifetime: timedelta) -> datetime:
    """Remember a link that signs in once; until when. Links that have ended are forgotten."""
    until: datetime = await tx.fetchval(
        """
        WITH ended AS (DELETE FROM api.login_link WHERE expires_at < now())
        INSERT INTO api.login_link (digest, user_id, expires_at) VALUES ($1, $2, now() + $3) RETURNING expires_at
        """,
        digest,
        user_id,
        lifetime,
    )
    return until


async def use_login_link(tx: Executor, digest: bytes) -> UUID | None:
    """The user a link signs in; it never does again."""
    found: UUID | None = await tx.fetchval(
        "DELETE FROM api.login_link WHERE digest = $1 AND expires_at > now() RETURNING user_id", digest
    )
    return found


async def take_allowance(tx: Executor, key: str, most: int, per_second: float) -> float:
    """Take one try out of a bucket that refills; what remains, negative when there was none to take."""
    remaining: float = await tx.fetchval(
        """
        INSERT INTO api.sign_in_allowance AS bucket (key, remaining, counted_at) VALUES ($1, $2::float8 - 1, now())
        ON CONFLICT (key) DO UPDATE SET
            remaining = greatest(
                least($2::float8, bucket.remaining + extract(epoch FROM now() - bucket.counted_at) * $3::float8) - 1, -1
            ),
            counted_at = now()
        RETURNING remaining
        """,
        key,
        float(most),
        per_second,
    )
    return remaining


async def forget_allowances(tx: Executor, older_than: timedelta) -> None:
    """Forget buckets that are full again."""
    await tx.execute("DELETE FROM api.sign_in_allowance WHERE counted_at < now() - $1::interval", older_than)


async def refill_allowance(tx: Executor, key: str) -> None:
    """A success: the bucket is full again."""
    await tx.execute("DELETE FROM api.sign_in_allowance WHERE key = $1", key)


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

"""Sessions, links that sign in once, and how often somebody may try."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from services.api.queries import Executor
from services.api.queries.users import KnownUser
from shared.vocabulary import Role


@dataclass(frozen=True)
class NewSession:
    """Whose a session is, and from where."""

    digest: bytes
    user_id: UUID
    address: str
    browser: str


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


async def start_session(tx: Executor, new: NewSession, lifetime: timedelta) -> None:
    """Remember a session; those that have ended are forgotten."""
    await tx.execute(
        """
        WITH ended AS (DELETE FROM api.session WHERE expires_at < now())
        INSERT INTO api.session (digest, user_id, address, browser, expires_at) VALUES ($1, $2, $3, $4, now() + $5)
        """,
        new.digest,
        new.user_id,
        new.address,
        new.browser,
        lifetime,
    )


async def list_sessions(tx: Executor, user_id: UUID, most: int) -> list[asyncpg.Record]:
    """A user's sessions that have not ended, newest first."""
    return await tx.fetch(
        """
        SELECT digest, created_at, expires_at, address, browser FROM api.session
        WHERE user_id = $1 AND expires_at > now()
        ORDER BY created_at DESC LIMIT $2
        """,
        user_id,
        most,
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


async def end_other_sessions(tx: Executor, user_id: UUID, kept: bytes) -> None:
    """Sign a user out everywhere but here; links not used yet end as well."""
    await tx.execute(
        """
        WITH links AS (DELETE FROM api.login_link WHERE user_id = $1)
        DELETE FROM api.session WHERE user_id = $1 AND digest <> $2
        """,
        user_id,
        kept,
    )


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


async def take_allowance(tx: Executor, key: str, most: int, per_second: float) -> bool:
    """Take one try out of a bucket that refills; whether there was one. What is refused costs nothing."""
    taken = await tx.fetchval(
        """
        INSERT INTO api.sign_in_allowance AS bucket (key, remaining, counted_at) VALUES ($1, $2::float8 - 1, now())
        ON CONFLICT (key) DO UPDATE SET
            remaining =
                least($2::float8, bucket.remaining + extract(epoch FROM now() - bucket.counted_at) * $3::float8) - 1,
            counted_at = now()
        WHERE bucket.remaining + extract(epoch FROM now() - bucket.counted_at) * $3::float8 >= 1
        RETURNING true
        """,
        key,
        float(most),
        per_second,
    )
    return taken is True


async def forget_allowances(tx: Executor, older_than: timedelta) -> None:
    """Forget buckets that are full again."""
    await tx.execute("DELETE FROM api.sign_in_allowance WHERE counted_at < now() - $1::interval", older_than)


async def refill_allowance(tx: Executor, key: str) -> None:
    """A success: the bucket is full again."""
    await tx.execute("DELETE FROM api.sign_in_allowance WHERE key = $1", key)

"""What somebody who is signed in may do with the own account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.api import auth
from services.api.addresses import Connection
from services.api.errors import Problem
from services.api.queries import sessions as queries
from services.api.queries import users as user_queries
from services.api.sessions import Sessions
from services.api.users import Password
from shared import db, tokens
from shared.asks.fields import Body
from shared.refusal import Refusal

MOST_SESSIONS = 50


@dataclass(frozen=True)
class Session:
    """A browser that somebody is signed in with; `current` is the one that asks."""

    created_at: datetime
    expires_at: datetime
    address: str
    browser: str
    current: bool


class PasswordChange(Body):
    """A new password, and the one it replaces."""

    current_password: Annotated[str, Field(repr=False, min_length=1, max_length=1024)]
    new_password: Annotated[Password, Field(repr=False)]


async def find_sessions(sessions: Sessions, connection: Connection, user_id: UUID) -> list[Session]:
    """A user's newest sessions."""
    here = _digest(connection)
    rows = await queries.list_sessions(sessions.pool, user_id, MOST_SESSIONS)
    return [
        Session(row["created_at"], row["expires_at"], row["address"], row["browser"], row["digest"] == here)
        for row in rows
    ]


async def end_other_sessions(sessions: Sessions, connection: Connection, user_id: UUID) -> None:
    """Sign a user out everywhere but here."""
    await queries.end_other_sessions(sessions.pool, user_id, _digest(connection))


async def change_password(sessions: Sessions, connection: Connection, user_id: UUID, change: PasswordChange) -> None:
    """Change a user's own password, who is then signed out everywhere but here; 422 when the current one is wrong."""
    key = f"password of {user_id}"
    await sessions.take_try(key)
    kept = await user_queries.find_password_hash(sessions.pool, user_id)
    if not await sessions.passwords.matches(kept, change.current_password):
        raise Problem(Refusal.invalid(("/current_password", "is not your password")))
    hashed = await sessions.passwords.hash(change.new_password)

    async def apply(tx: db.Connection) -> None:
        await user_queries.change_user(tx, user_id, None, None, hashed)
        await queries.end_other_sessions(tx, user_id, _digest(connection))

    await db.in_transaction(sessions.pool, apply)
    await sessions.take_no_more(key)


def _digest(connection: Connection) -> bytes:
    return tokens.digest(connection.cookies.get(auth.COOKIE, ""))

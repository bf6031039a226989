"""Routes of users."""

from typing import Annotated
from uuid import UUID

import asyncpg
from litestar import delete, get, patch, post
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from services.api.auth import Doorkeeper
from services.api.errors import Problem
from services.api.parsing import Given, Id, PageQuery
from services.api.passwords import Passwords
from services.api.queries import sessions as session_queries
from services.api.queries import users as queries
from shared import cursor
from shared.asks.ask import Page
from shared.asks.fields import Body, Name
from shared.db import Connection, Pool, in_transaction
from shared.refusal import Refusal
from shared.vocabulary import Role

Password = Annotated[str, StringConstraints(min_length=8, max_length=1024)]


class User(BaseModel):
    """A person who may sign in."""

    id: UUID
    name: str
    role: Role
    created_at: AwareDatetime


class UserCreate(Body):
    """A password has at least 8 characters."""

    name: Name
    role: Role
    password: Annotated[Password, Field(repr=False)]


class UserPatch(Body):
    """An absent field stays; none can be cleared."""

    name: Name = ""
    role: Role = Role.VIEWER
    password: Annotated[Password, Field(repr=False)] = ""


@get("/users", role=Role.ADMIN)
async def list_users(pool: Given[Pool], asked: Given[PageQuery]) -> Page[User]:
    """List users, newest first."""
    return await find_users(pool, asked.limit, asked.cursor)


async def find_users(pool: Pool, limit: int, at: str | None) -> Page[User]:
    """A page of users, newest first."""
    after = cursor.decode_time_and_id(at)
    if isinstance(after, Refusal):
        raise Problem(after)
    found = [User(**row) for row in await queries.list_users(pool, after, limit + 1)]
    return cursor.page(found, limit, lambda user: (user.created_at.isoformat(), user.id))


@post("/users", role=Role.ADMIN)
async def create_user(pool: Given[Pool], passwords: Given[Passwords], payload: Given[UserCreate]) -> User:
    """Make a user."""
    return await add_user(pool, passwords, payload)


async def find_user(pool: Pool, user_id: UUID) -> User:
    """One user."""
    row = await queries.find_user(pool, user_id)
    if row is None:
        raise Problem(Refusal.not_found("user"))
    return User(**row)


async def add_user(pool: Pool, passwords: Passwords, payload: UserCreate) -> User:
    """A new user."""
    hashed = await passwords.hash(payload.password)
    row = await queries.add_user(pool, payload.name, payload.role, hashed)
    if row is None:
        raise await _taken(pool, payload.name)
    return User(**row)


@patch("/users/{user_id:uuid}", role=Role.ADMIN)
async def patch_user(
    pool: Given[Pool],
    passwords: Given[Passwords],
    doorkeeper: Given[Doorkeeper],
    user_id: Id,
    payload: Given[UserPatch],
) -> User:
    """Change a user; a new password signs the user out everywhere."""
    return await change_user(pool, passwords, doorkeeper, user_id, payload)


async def change_user(
    pool: Pool, passwords: Passwords, doorkeeper: Doorkeeper, user_id: UUID, payload: UserPatch
) -> User:
    """The user with what is given changed."""
    changes = payload.model_dump(exclude_unset=True)
    hashed = await passwords.hash(changes["password"]) if "password" in changes else None

    async def apply(tx: Connection) -> asyncpg.Record | None:
        await queries.lock_users(tx)
        if changes.get("role", Role.ADMIN) is not Role.ADMIN:
            await _keep_an_admin(tx, user_id)
        if hashed:
            await session_queries.end_sessions_of(tx, user_id)
        return await queries.change_user(tx, user_id, changes.get("name"), changes.get("role"), hashed)

    try:
        row = await in_transaction(pool, apply)
    except asyncpg.UniqueViolationError:
        raise await _taken(pool, payload.name) from None
    if row is None:
        raise Problem(Refusal.not_found("user"))
    doorkeeper.forget()
    return User(**row)


@delete("/users/{user_id:uuid}", role=Role.ADMIN)
async def delete_user(pool: Given[Pool], doorkeeper: Given[Doorkeeper], user_id: Id) -> None:
    """Remove a user, who is signed out at once."""
    await remove_user(pool, doorkeeper, user_id)


async def remove_user(pool: Pool, doorkeeper: Doorkeeper, user_id: UUID) -> None:
    """Remove a user, unless nobody would be left to administrate."""

    async def apply(tx: Connection) -> bool:
        await queries.lock_users(tx)
        await _keep_an_admin(tx, user_id)
        return await queries.remove_user(tx, user_id)

    if not await in_transaction(pool, apply):
        raise Problem(Refusal.not_found("user"))
    doorkeeper.forget()


async def _keep_an_admin(tx: Connection, user_id: UUID) -> None:
    if await queries.is_last_admin(tx, user_id):
        raise Problem(Refusal.conflict("This is the last administrator."))


async def _taken(pool: Pool, name: str) -> Problem:
    known = await queries.find_user_by_name(pool, name)
    return Problem(Refusal.conflict("There is a user of this name.", existing_id=str(known.id) if known else None))


ROUTES = [list_users, create_user, patch_user, delete_user]

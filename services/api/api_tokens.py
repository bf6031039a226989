"""Routes of API tokens."""

from uuid import UUID

from litestar import delete, get, post
from pydantic import AwareDatetime, BaseModel, Field

from services.api.auth import Doorkeeper
from services.api.errors import Problem
from services.api.parsing import Given, Id, PageQuery
from services.api.queries import tokens as queries
from shared import cursor, tokens
from shared.asks.ask import Page
from shared.asks.fields import Body, Moment, Name
from shared.db import Pool
from shared.refusal import Refusal
from shared.vocabulary import Role

FROM_ENVIRONMENT = (
    "This token is set by KEEPWATCH_ADMIN_TOKEN, or kept by `up` in its data folder as secrets/admin-token. "
    "Change it there and start again: the old one ends then."
)


class Token(BaseModel):
    """An API token as it may be shown."""

    id: UUID
    name: str
    role: Role
    expires_at: AwareDatetime | None
    last_used_at: AwareDatetime | None
    created_at: AwareDatetime


class TokenWithSecret(Token):
    """An API token, shown this once."""

    token: str = Field(repr=False)


class TokenCreate(Body):
    """Without `expires_at` it is valid until it is deleted."""

    name: Name
    role: Role
    expires_at: Moment | None = None


@get("/tokens", role=Role.ADMIN)
async def list_tokens(pool: Given[Pool], asked: Given[PageQuery]) -> Page[Token]:
    """List API tokens, newest first, without their secrets."""
    return await find_tokens(pool, asked.limit, asked.cursor)


async def find_tokens(pool: Pool, limit: int, at: str | None) -> Page[Token]:
    """A page of API tokens, newest first."""
    after = cursor.decode_time_and_id(at)
    if isinstance(after, Refusal):
        raise Problem(after)
    found = [Token(**row) for row in await queries.list_tokens(pool, after, limit + 1)]
    return cursor.page(found, limit, lambda token: (token.created_at.isoformat(), token.id))


@post("/tokens", role=Role.ADMIN)
async def create_token(
    pool: Given[Pool], doorkeeper: Given[Doorkeeper], payload: Given[TokenCreate]
) -> TokenWithSecret:
    """Make an API token; it is shown this once."""
    return await add_token(pool, doorkeeper, payload)


async def add_token(pool: Pool, doorkeeper: Doorkeeper, payload: TokenCreate) -> TokenWithSecret:
    """A new API token."""
    token = tokens.make(tokens.API_PREFIX)
    row = await queries.add_token(pool, payload.name, payload.role, tokens.digest(token), payload.expires_at)
    if row is None:
        raise Problem(Refusal.invalid(("/expires_at", "must be in the future")))
    doorkeeper.forget()
    return TokenWithSecret(**row, token=token)


@delete("/tokens/{token_id:uuid}", role=Role.ADMIN)
async def delete_token(pool: Given[Pool], doorkeeper: Given[Doorkeeper], token_id: Id) -> None:
    """Revoke an API token."""
    await revoke(pool, doorkeeper, token_id)


async def revoke(pool: Pool, doorkeeper: Doorkeeper, token_id: UUID) -> None:
    """End an API token; it is refused at once."""
    removed = await queries.remove_token(pool, token_id)
    if removed is None:
        raise Problem(Refusal.not_found("token"))
    if not removed:
        raise Problem(Refusal.conflict(FROM_ENVIRONMENT))
    doorkeeper.forget()


ROUTES = [list_tokens, create_token, delete_token]

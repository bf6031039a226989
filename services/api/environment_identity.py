"""The administrators that the environment names: they exist from the first start on."""

from services.api.passwords import Passwords
from services.api.queries import sessions as session_queries
from services.api.queries import tokens as token_queries
from services.api.queries import users as queries
from services.api.settings import Settings
from shared import tokens
from shared.db import Connection, Pool, in_transaction

ADMIN = "admin"
TOKEN_NAME = "admin token"  # noqa: S105  what it is called


async def keep(pool: Pool, settings: Settings, passwords: Passwords) -> None:
    """Make the admin token and the user `admin` be as the environment says."""
    if settings.admin_token:
        await token_queries.keep_environment_token(pool, TOKEN_NAME, tokens.digest(settings.admin_token))
    if settings.admin_password:
        await _keep_admin(pool, settings.admin_password, passwords)


async def _keep_admin(pool: Pool, password: str, passwords: Passwords) -> None:
    known = await queries.find_user_by_name(pool, ADMIN)
    if known and await passwords.matches(known.environment_hash, password):
        return  # a password changed since then by hand stays
    hashed = await passwords.hash(password)

    async def apply(tx: Connection) -> None:
        user_id = await queries.keep_environment_admin(tx, ADMIN, hashed)
        await session_queries.end_sessions_of(tx, user_id)

    await in_transaction(pool, apply)

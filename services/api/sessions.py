"""Signing in and out of the web: sessions, one-time links, and how often somebody may try."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from litestar.datastructures import Cookie

from services.api import auth, browsers, csrf
from services.api.addresses import Connection, client_address, encrypted, network_of
from services.api.errors import Problem
from services.api.passwords import Passwords
from services.api.queries import sessions as queries
from services.api.queries import users as user_queries
from shared import tokens
from shared.db import Pool
from shared.refusal import Refusal

log = structlog.get_logger()
LIFETIME = timedelta(days=7)
LINK_LIFETIME = timedelta(minutes=15)
USER_TRIES, USER_SECONDS = 5, 30.0
"""A user from one address: so many tries at once, then one in so many seconds."""
ADDRESS_TRIES, ADDRESS_SECONDS = 50, 3.0
"""An address, whoever it claims to be."""
EVERYWHERE_TRIES, EVERYWHERE_SECONDS = 300, 2.0
"""A user from all addresses together: too few to guess a password, too many for others to lock somebody out with."""
FULL_AGAIN = timedelta(
    seconds=max(USER_TRIES * USER_SECONDS, ADDRESS_TRIES * ADDRESS_SECONDS, EVERYWHERE_TRIES * EVERYWHERE_SECONDS)
)


@dataclass(frozen=True)
class Sessions:
    """Opens and ends sessions."""

    pool: Pool
    passwords: Passwords
    csrf_key: bytes

    async def sign_in(self, connection: Connection, name: str, password: str) -> list[Cookie] | None:
        """The cookies of a new session; None for a wrong name or password, a 429 Problem after too many tries."""
        address = client_address(connection)
        network = network_of(address)
        user_key = f"user {name.lower()[:200]} from {network}"
        await self._take(f"address {network}", ADDRESS_TRIES, ADDRESS_SECONDS)
        await self.take_try(user_key)
        await self._take(f"user {name.lower()[:200]}", EVERYWHERE_TRIES, EVERYWHERE_SECONDS)
        user = await user_queries.find_user_by_name(self.pool, name)
        if not await self.passwords.matches(user.password_hash if user else None, password) or user is None:
            log.info("sign-in refused", address=address)
            return None
        await self.take_no_more(user_key)
        await self._end_former(connection)
        return await self._open(connection, user.id)

    async def make_link(self, user_id: UUID) -> tuple[str, datetime]:
        """A secret that signs this user in once, and until when."""
        secret = secrets.token_urlsafe(32)
        return secret, await queries.make_login_link(self.pool, tokens.digest(secret), user_id, LINK_LIFETIME)

    async def use_link(self, connection: Connection, secret: str) -> list[Cookie] | None:
        """The cookies of a new session; None when the link was used or has ended."""
        await self._take(f"address {client_address(connection)}", ADDRESS_TRIES, ADDRESS_SECONDS)
        user_id = await queries.use_login_link(self.pool, tokens.digest(secret))
        if user_id is None:
            return None
        await self._end_former(connection)
        return await self._open(connection, user_id)

    async def sign_out(self, connection: Connection) -> list[Cookie]:
        """End the session; the cookies that remove its cookies."""
        await self._end_former(connection)
        return [_cookie(connection, name, "", max_age=0) for name in (auth.COOKIE, csrf.COOKIE)]

    async def take_try(self, key: str) -> None:
        """Count a try at somebody's password; a 429 Problem after too many."""
        await self._take(key, USER_TRIES, USER_SECONDS)

    async def take_no_more(self, key: str) -> None:
        """The password was right: the tries before do not count."""
        await queries.refill_allowance(self.pool, key)

    async def forget_tries(self) -> bool:
        """Forget how often somebody tried, once that makes no difference any more."""
        await queries.forget_allowances(self.pool, FULL_AGAIN)
        return False

    async def _end_former(self, connection: Connection) -> None:
        """End the session that this browser had: nobody would know of it any more."""
        if session := connection.cookies.get(auth.COOKIE):
            await queries.end_session(self.pool, tokens.digest(session))

    async def _open(self, connection: Connection, user_id: UUID) -> list[Cookie]:
        session = secrets.token_urlsafe(32)
        address, browser = client_address(connection), browsers.in_words(connection.headers.get("user-agent", ""))
        await queries.start_session(
            self.pool, queries.NewSession(tokens.digest(session), user_id, address, browser), LIFETIME
        )
        age = int(LIFETIME.total_seconds())
        log.info("signed in", user_id=str(user_id), address=address)
        return [
            _cookie(connection, auth.COOKIE, session, max_age=age),
            _cookie(connection, csrf.COOKIE, csrf.token_for(self.csrf_key, session), max_age=age, httponly=False),
        ]

    async def _take(self, key: str, most: int, seconds: float) -> None:
        if not await queries.take_allowance(self.pool, key, most, 1 / seconds):
            detail = f"Too many tries. Try again in {seconds:.0f} seconds."
            raise Problem(
                Refusal(status=429, title="Too Many Requests", detail=detail), {"Retry-After": f"{seconds:.0f}"}
            )


def _cookie(connection: Connection, name: str, value: str, *, max_age: int, httponly: bool = True) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        max_age=max_age,
        path="/",
        secure=encrypted(connection),
        httponly=httponly,
        samesite="lax",
    )

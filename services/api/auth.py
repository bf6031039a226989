"""Who sends a request, and what they may do: API tokens, agents' tokens and the web's sessions."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar.handlers import BaseRouteHandler

from services.api import csrf
from services.api.addresses import Addresses, Connection
from services.api.errors import NotSignedInError, Problem, as_problem, unauthorized
from services.api.owners import Owners
from services.api.queries import sessions as session_queries
from services.api.queries import tokens as token_queries
from shared import tokens
from shared.asks.agents import AuthenticateAgent
from shared.db import Pool
from shared.refusal import Refusal
from shared.vocabulary import Role

COOKIE = "keepwatch_session"
KNOWN_SECONDS = 1.0
"""How long a revoked token may still be taken for valid by another replica."""
MOST_KNOWN = 10_000
DATABASE_SECONDS = 5.0


@dataclass(frozen=True)
class Identity:
    """Who a request speaks for; an agent has no role and its host's id."""

    kind: str
    id: UUID
    name: str
    role: Role | None
    expires_at: Any = None

    @property
    def agent(self) -> bool:
        """Whether it is a host's agent."""
        return self.kind == "agent"


class Doorkeeper:
    """Finds out who sends a request and turns away who may not."""

    def __init__(self, pool: Pool, owners: Owners, csrf_key: bytes, addresses: Addresses) -> None:
        self._pool = pool
        self._owners = owners
        self._csrf_key = csrf_key
        self._addresses = addresses
        self._known: dict[bytes, tuple[float, Identity | None]] = {}

    def guard(self) -> Callable[[Connection, BaseRouteHandler], Awaitable[None]]:
        """The guard of routes that ask who sends."""

        # Litestar copies guards deeply; a function stays itself, a method would copy the pool.
        async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
            await self._let_in(connection, handler)

        return guard

    def page_guard(self) -> Callable[[Connection, BaseRouteHandler], Awaitable[None]]:
        """The guard of web pages: who is not signed in goes to sign in first; forms carry the token in a field."""

        async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
            session = connection.cookies.get(COOKIE)
            identity = await self._session(session) if session else None
            if identity is None:
                raise NotSignedInError
            connection.scope["user"] = identity
            self._check_role(identity, handler)
            if connection.scope.get("method") not in csrf.SAFE_METHODS:
                csrf.refuse_foreign(connection, self._addresses)

        return guard

    async def _let_in(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """A route's `role` must be included in the sender's; only routes with `agents` are open to agents."""
        identity = await self.identify(connection)
        connection.scope["user"] = identity
        self._check_role(identity, handler)

    @staticmethod
    def _check_role(identity: Identity, handler: BaseRouteHandler) -> None:
        needed: Role = handler.opt.get("role", Role.ADMIN)
        if identity.role is None:
            if not handler.opt.get("agents"):
                raise Problem(Refusal.forbidden("An agent's token may only connect the agent and report jobs."))
        elif not identity.role.includes(needed):
            raise Problem(Refusal.forbidden(f"This needs the role {needed}; yours is {identity.role}."))

    async def identify(self, connection: Connection) -> Identity:
        """Whoever sends this; raises 401, and 403 for a write with a cookie that our own pages did not send."""
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, token = header.partition(" ")
            if scheme.lower() != "bearer":
                raise unauthorized()
            return await self._bearer(token.strip())
        session = connection.cookies.get(COOKIE)
        identity = await self._session(session) if session else None
        if session is None or identity is None:
            raise unauthorized()
        csrf.check(connection, self._addresses, self._csrf_key, session)
        return identity

    async def still_valid(self, connection: Connection) -> bool:
        """Whether who opened this connection would still be let in."""
        try:
            return await self.identify(connection) == connection.scope["user"]
        except Exception as error:  # noqa: BLE001  a database that is away takes nobody's rights
            return as_problem(error).refusal.status not in {401, 403}

    async def agent(self, token: str) -> Identity:
        """The host of an agent's token."""
        found = await self._owners.ask(AuthenticateAgent(token=token))
        return Identity("agent", found.host_id, found.host_name, role=None)

    def forget(self) -> None:
        """Tokens, users or sessions were changed: look again."""
        self._known.clear()

    async def _bearer(self, token: str) -> Identity:
        if token.startswith(tokens.AGENT_PREFIX):
            return await self.agent(token)
        identity = await self._look_up(tokens.digest(token), token_queries.find_token, "token")
        if identity is None:
            raise unauthorized()
        return identity

    async def _session(self, session: str) -> Identity | None:
        return await self._look_up(tokens.digest(session), session_queries.find_session, "user")

    async def _look_up(self, digest: bytes, query: Any, kind: str) -> Identity | None:
        now = time.monotonic()
        until, identity = self._known.get(digest, (0.0, None))
        if until > now:
            return identity
        async with asyncio.timeout(DATABASE_SECONDS):
            row = await query(self._pool, digest)
        found = Identity(kind, row.id, row.name, row.role, getattr(row, "expires_at", None)) if row else None
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[digest] = (now + KNOWN_SECONDS, found)
        return found

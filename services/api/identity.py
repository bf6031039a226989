"""Routes of who is who: oneself, and links that sign in once."""

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from pydantic import AwareDatetime, BaseModel, Field

from services.api import auth, csrf
from services.api.addresses import Addresses
from services.api.auth import Identity
from services.api.environment_identity import ADMIN
from services.api.errors import Problem
from services.api.parsing import Given
from services.api.queries import users as queries
from services.api.sessions import Sessions
from shared.asks.fields import Body, Name
from shared.refusal import Refusal
from shared.vocabulary import Role


class Me(BaseModel):
    """Who sends this; `csrf_token` is for writes with the web session's cookie."""

    kind: str
    id: UUID
    name: str
    role: Role | None
    expires_at: AwareDatetime | None
    csrf_token: str | None = None


class LoginLinkCreate(Body):
    """Whom the link signs in."""

    user: Name = ADMIN


class LoginLink(BaseModel):
    """A link that signs in once."""

    url: str = Field(repr=False)
    expires_at: AwareDatetime


@get("/me", role=Role.VIEWER)
async def get_me(request: Request[Identity, Any, Any], sessions: Given[Sessions]) -> Me:
    """Show who sends this."""
    me = request.user
    session = request.cookies.get(auth.COOKIE) if me.kind == "user" else None
    token = csrf.token_for(sessions.csrf_key, session) if session else None
    return Me(kind=me.kind, id=me.id, name=me.name, role=me.role, expires_at=me.expires_at, csrf_token=token)


@post("/login-links", role=Role.ADMIN)
async def create_login_link(
    request: Request[Identity, Any, Any],
    sessions: Given[Sessions],
    addresses: Given[Addresses],
    payload: Given[LoginLinkCreate],
) -> LoginLink:
    """Make a link that signs a user in once, within 15 minutes."""
    user = await queries.find_user_by_name(sessions.pool, payload.user)
    if user is None:
        raise Problem(Refusal.invalid(("/user", "there is no such user")))
    secret, until = await sessions.make_link(user.id)
    return LoginLink(url=addresses.login_link(request, secret), expires_at=until)


ROUTES = [get_me, create_login_link]

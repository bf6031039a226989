"""Making and revoking API tokens."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from litestar import get, post
from litestar.response import Redirect, Template

from services.api.addresses import Addresses
from services.api.api_tokens import TokenCreate, add_token, revoke
from services.api.auth import Doorkeeper
from services.api.errors import Problem
from services.api.forms import Form, filled_in, problems_of, read_own_form
from services.api.pages.frame import FromUser, page, went
from services.api.pages.settings import ROLES, SettingsQuery, show_settings
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from shared.refusal import Refusal
from shared.vocabulary import Role

FIELDS = {"name", "role", "expires_at"}
EMPTY = {"name": "", "role": Role.VIEWER.value, "expires_at": ""}


@get("/settings/tokens/new", role=Role.ADMIN, sync_to_thread=False)
def new_token_page(request: FromUser, sessions: Given[Sessions]) -> Template:
    """Show the form that makes a token."""
    return _form(request, sessions, EMPTY)


@post("/settings/tokens/new", role=Role.ADMIN, status_code=201)
async def make_token(
    request: FromUser, sessions: Given[Sessions], doorkeeper: Given[Doorkeeper], addresses: Given[Addresses]
) -> Template:
    """Make a token and show it, this once."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        wanted = filled_in(TokenCreate, _body(form))
        token = await add_token(sessions.pool, doorkeeper, wanted)
    except Problem as problem:
        typed = {name: form.text(name) for name in EMPTY}
        return _form(request, sessions, typed, problems_of(problem, FIELDS), problem.refusal.status)
    context = {"token": token, "base": addresses.base(request)}
    return page("settings_token_made.html", request, sessions, context, status=201)


@post("/settings/tokens/{token_id:uuid}/revoke", role=Role.ADMIN, status_code=303)
async def revoke_token(
    request: FromUser, sessions: Given[Sessions], doorkeeper: Given[Doorkeeper], token_id: Id
) -> Redirect | Template:
    """Revoke a token."""
    await read_own_form(request, sessions.csrf_key)
    try:
        await revoke(sessions.pool, doorkeeper, token_id)
    except Problem as problem:
        return await show_settings(request, sessions, SettingsQuery(), problem)
    return went("/settings?done=token-revoked")


def _form(
    request: FromUser,
    sessions: Sessions,
    values: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
    status: int = 200,
) -> Template:
    context = {"values": values, "problems": problems or {}, "roles": ROLES}
    return page("settings_token.html", request, sessions, context, status=status)


def _body(form: Form) -> dict[str, Any]:
    return {"name": form.text("name"), "role": form.text("role"), "expires_at": _end_of(form.optional("expires_at"))}


def _end_of(day: str | None) -> str | None:
    if day is None:
        return None
    try:
        return f"{date.fromisoformat(day).isoformat()}T23:59:59Z"
    except ValueError:
        raise Problem(Refusal.invalid(("/expires_at", "must be a day such as 2027-01-31"))) from None


ROUTES = [new_token_page, make_token, revoke_token]

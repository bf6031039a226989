"""The page of settings: the own account for everybody, tokens and users for administrators."""

from importlib.metadata import version
from typing import Any

from litestar import get, post
from litestar.response import Redirect, Template

from services.api.account import PasswordChange, change_password, end_other_sessions, find_sessions
from services.api.api_tokens import find_tokens
from services.api.auth import Doorkeeper
from services.api.errors import Problem
from services.api.forms import Form, filled_in, problems_of, read_own_form
from services.api.pages.frame import FromUser, page, went
from services.api.parsing import Address, Given
from services.api.sessions import Sessions
from services.api.users import find_users
from shared.asks.fields import Text
from shared.refusal import Refusal
from shared.vocabulary import Role

ROLES = {
    Role.VIEWER: "sees everything",
    Role.OPERATOR: "sees and acts",
    Role.ADMIN: "sees, acts and configures",
}
"""What each role may do, in words."""
PASSWORD_FIELDS = {"current_password", "new_password", "again"}
AT_ONCE = 50


class SettingsQuery(Address):
    """Which page of each list; what has just been done."""

    tokens: Text | None = None
    users: Text | None = None
    done: Text | None = None


@get("/settings", role=Role.VIEWER)
async def settings_page(request: FromUser, sessions: Given[Sessions], asked: Given[SettingsQuery]) -> Template:
    """Show what concerns whoever looks."""
    return await show_settings(request, sessions, asked)


async def show_settings(
    request: FromUser, sessions: Sessions, asked: SettingsQuery, problem: Problem | None = None
) -> Template:
    """The page, and what could not be done."""
    me = request.user
    context: dict[str, Any] = {
        "sessions": await find_sessions(sessions, request, me.id),
        "roles": ROLES,
        "version": version("keepwatch"),
        "on_first_page": asked.tokens is None and asked.users is None,
        "problems": problems_of(problem, set()) if problem else {},
    }
    if me.role is Role.ADMIN:
        context["tokens"] = await find_tokens(sessions.pool, AT_ONCE, asked.tokens)
        context["users"] = await find_users(sessions.pool, AT_ONCE, asked.users)
    status = problem.refusal.status if problem else 200
    return page("settings.html", request, sessions, context, status=status)


@get("/settings/password", role=Role.VIEWER, sync_to_thread=False)
def password_page(request: FromUser, sessions: Given[Sessions]) -> Template:
    """Show the form that changes the own password."""
    return page("settings_password.html", request, sessions, {"problems": {}})


@post("/settings/password", role=Role.VIEWER, status_code=303)
async def change_own_password(
    request: FromUser, sessions: Given[Sessions], doorkeeper: Given[Doorkeeper]
) -> Redirect | Template:
    """Change the own password."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        await change_password(sessions, request, request.user.id, _change(form))
    except Problem as problem:
        context = {"problems": problems_of(problem, PASSWORD_FIELDS)}
        return page("settings_password.html", request, sessions, context, status=problem.refusal.status)
    doorkeeper.forget()
    return went("/settings?done=password-changed")


def _change(form: Form) -> PasswordChange:
    given = {name: form.password(name) for name in ("current_password", "new_password")}
    change = filled_in(PasswordChange, given)
    if form.password("again") != change.new_password:
        raise Problem(Refusal.invalid(("/again", "is not the same as the new password")))
    return change


@post("/settings/sessions/end", role=Role.VIEWER, status_code=303)
async def sign_out_elsewhere(request: FromUser, sessions: Given[Sessions], doorkeeper: Given[Doorkeeper]) -> Redirect:
    """End every session but this one."""
    await read_own_form(request, sessions.csrf_key)
    await end_other_sessions(sessions, request, request.user.id)
    doorkeeper.forget()
    return went("/settings?done=sessions-ended")


ROUTES = [settings_page, password_page, change_own_password, sign_out_elsewhere]

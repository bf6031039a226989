"""Adding, changing and removing users."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.response import Redirect, Template

from services.api.auth import Doorkeeper
from services.api.errors import Problem
from services.api.forms import Form, filled_in, problems_of, read_own_form
from services.api.pages.frame import FromUser, page, went
from services.api.pages.settings import ROLES
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from services.api.users import User, UserCreate, UserPatch, add_user, change_user, find_user, remove_user
from shared.refusal import Refusal
from shared.vocabulary import Role

FIELDS = {"name", "role", "password"}
EMPTY = {"name": "", "role": Role.VIEWER.value}


@get("/settings/users/new", role=Role.ADMIN, sync_to_thread=False)
def new_user_page(request: FromUser, sessions: Given[Sessions]) -> Template:
    """Show the form that adds a user."""
    return _form(request, sessions, EMPTY)


@post("/settings/users/new", role=Role.ADMIN, status_code=303)
async def make_user(request: FromUser, sessions: Given[Sessions]) -> Redirect | Template:
    """Add a user."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        wanted = filled_in(UserCreate, {**_typed(form), "password": form.password("password")})
        await add_user(sessions.pool, sessions.passwords, wanted)
    except Problem as problem:
        return _form(request, sessions, _typed(form), problem=problem)
    return went("/settings?done=user-added")


@get("/settings/users/{user_id:uuid}", role=Role.ADMIN)
async def user_page(request: FromUser, sessions: Given[Sessions], user_id: Id) -> Template:
    """Show the form that changes a user."""
    user = await find_user(sessions.pool, user_id)
    return _form(request, sessions, {"name": user.name, "role": user.role.value}, user)


@post("/settings/users/{user_id:uuid}", role=Role.ADMIN, status_code=303)
async def save_user(
    request: FromUser, sessions: Given[Sessions], doorkeeper: Given[Doorkeeper], user_id: Id
) -> Redirect | Template:
    """Change a user."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        wanted = filled_in(UserPatch, _changes(form, request.user.id == user_id))
        await change_user(sessions.pool, sessions.passwords, doorkeeper, user_id, wanted)
    except Problem as problem:
        return await _again(request, sessions, user_id, _typed(form), problem)
    return went("/settings?done=user-changed")


@post("/settings/users/{user_id:uuid}/remove", role=Role.ADMIN, status_code=303)
async def drop_user(
    request: FromUser, sessions: Given[Sessions], doorkeeper: Given[Doorkeeper], user_id: Id
) -> Redirect | Template:
    """Remove a user."""
    await read_own_form(request, sessions.csrf_key)
    try:
        await remove_user(sessions.pool, doorkeeper, user_id)
    except Problem as problem:
        return await _again(request, sessions, user_id, None, problem)
    return went("/settings?done=user-removed")


def _typed(form: Form) -> dict[str, str]:
    return {name: form.text(name) for name in EMPTY}


def _changes(form: Form, oneself: bool) -> dict[str, Any]:  # noqa: FBT001  said by whoever calls
    password = form.password("password")
    if password and oneself:
        # It would sign oneself out, and ask for no proof.
        raise Problem(Refusal.invalid(("/password", "is your own: change it under My account")))
    return {**_typed(form), **({"password": password} if password else {})}


async def _again(
    request: FromUser, sessions: Sessions, user_id: UUID, typed: Mapping[str, str] | None, problem: Problem
) -> Template:
    user = await find_user(sessions.pool, user_id)
    return _form(request, sessions, typed or {"name": user.name, "role": user.role.value}, user, problem)


def _form(
    request: FromUser,
    sessions: Sessions,
    values: Mapping[str, str],
    user: User | None = None,
    problem: Problem | None = None,
) -> Template:
    problems = problems_of(problem, FIELDS) if problem else {}
    context = {"user": user, "values": values, "problems": problems, "roles": ROLES}
    return page("settings_user.html", request, sessions, context, status=problem.refusal.status if problem else 200)


ROUTES = [new_user_page, make_user, user_page, save_user, drop_user]

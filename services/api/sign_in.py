"""Signing in and out: pages that need no session."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from services.api import csrf
from services.api.addresses import Addresses
from services.api.errors import Problem
from services.api.forms import read_form
from services.api.parsing import Given
from services.api.sessions import Sessions

HOME = "/"
LINK_ENDED = (
    "This link has been used already or has ended. Sign in with your password, or start “keepwatch up” again: "
    "it prints a new link each time."
)


@get("/login", sync_to_thread=False)
def login_page(request: Request[Any, Any, Any]) -> Template:
    """Show the form that signs in."""
    return _form(local_path(request.query_params.get("next", "")))


@post("/login", status_code=303)
async def login(
    request: Request[Any, Any, Any], sessions: Given[Sessions], addresses: Given[Addresses]
) -> Response[Any]:
    """Sign in with a name and a password."""
    csrf.refuse_foreign(request, addresses)
    form = await read_form(request)
    target = local_path(form.text("next"))
    name = form.text("username")
    try:
        cookies = await sessions.sign_in(request, name, form.password("password"))
    except Problem as problem:
        refusal = problem.refusal
        return _form(target, name, refusal.detail, refusal.status, problem.headers)
    if cookies is None:
        return _form(target, name, "The username or the password is wrong.", 401)
    return Redirect(target, status_code=303, cookies=cookies)


@get("/login/link/{secret:str}", status_code=303)
async def login_by_link(
    request: Request[Any, Any, Any], sessions: Given[Sessions], secret: FromPath[str]
) -> Response[Any]:
    """Sign in once with a link."""
    try:
        cookies = await sessions.use_link(request, secret)
    except Problem as problem:
        return _form(HOME, "", problem.refusal.detail, problem.refusal.status, problem.headers)
    if cookies is None:
        return _form(HOME, "", LINK_ENDED, 410)
    return Redirect(HOME, status_code=303, cookies=cookies)


@post("/logout", status_code=303)
async def logout(request: Request[Any, Any, Any], sessions: Given[Sessions], addresses: Given[Addresses]) -> Redirect:
    """Sign out."""
    csrf.refuse_foreign(request, addresses)
    return Redirect("/login", status_code=303, cookies=await sessions.sign_out(request))


def local_path(asked: str) -> str:
    """Where to go after signing in: a path of ours, nothing else."""
    # Browsers drop tabs and line ends from addresses, and take a backslash for a slash.
    ours = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return asked if ours else HOME


def _form(
    target: str, username: str = "", problem: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Template:
    context = {"next": target, "username": username, "problem": problem}
    return Template("login.html", context=context, status_code=status, headers=headers)


ROUTES = [login_page, login, login_by_link, logout]

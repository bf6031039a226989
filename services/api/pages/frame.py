"""What all pages have in common: who looks at them, what those may do, and where one can go."""

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from litestar import Request
from litestar.response import Redirect, Template

from services.api import auth, csrf
from services.api.auth import Identity
from services.api.sessions import Sessions
from shared.vocabulary import Role

PLACES = (("/alerts", "Alerts"),)
DONE = {
    "acknowledged": "Acknowledged.",
    "resolved": "Resolved.",
    "retried": "It is being sent again.",
}
"""What a page says after a form was taken and led to it with `?done=KEY`; never words out of the address."""
STATIC = Path(__file__).parents[1] / "static"
FromUser = Request[Identity, Any, Any]


def page(name: str, request: FromUser, sessions: Sessions, context: dict[str, Any], *, status: int = 200) -> Template:
    """A page of this template, with all that the layout shows."""
    me = request.user
    framing = {
        "me": me,
        "places": PLACES,
        "place": "/" + request.scope["path"].split("/")[1],
        "csrf_token": csrf.token_for(sessions.csrf_key, request.cookies.get(auth.COOKIE, "")),
        "may_act": _may(me, Role.OPERATOR),
        "may_configure": _may(me, Role.ADMIN),
        "now": datetime.now(UTC),
        "done": DONE.get(request.query_params.get("done", "")),
    }
    return Template(name, context={**framing, **context}, status_code=status)


def _may(identity: Identity, role: Role) -> bool:
    return identity.role is not None and identity.role.includes(role)


def went(path: str) -> Redirect:
    """Where the browser goes after a form was taken."""
    return Redirect(path, status_code=303)


@cache
def static(name: str) -> str:
    """The address of a static file, which changes whenever the file does."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"

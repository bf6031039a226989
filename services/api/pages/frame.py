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

PLACES = (
    ("/", "Overview"),
    ("/alerts", "Alerts"),
    ("/hosts", "Hosts"),
    ("/jobs", "Jobs"),
    ("/channels", "Channels"),
    ("/settings", "Settings"),
)
DONE = {
    "acknowledged": "Acknowledged.",
    "resolved": "Resolved.",
    "retried": "It is being sent again.",
    "channel-added": "The channel is added. Send a test to see whether it works.",
    "channel-changed": "The channel is changed.",
    "channel-enabled": "The channel is enabled. It is told what happens from now on.",
    "channel-disabled": "The channel is disabled. What waited for it was given up.",
    "channel-deleted": "The channel is deleted. What waited for it was given up.",
    "password-changed": "Your password is changed. Everywhere else you are signed out.",
    "sessions-ended": "You are signed out everywhere else.",
    "token-revoked": "The token is revoked. It is refused from now on.",
    "user-added": "The user is added.",
    "user-changed": "The user is changed.",
    "user-removed": "The user is removed and signed out.",
    "host-changed": "The host is changed.",
    "host-deleted": "The host is deleted, with its jobs and its token. Its alerts are resolved.",
    "group-added": "The source group is added.",
    "group-changed": "The source group is changed.",
    "group-deleted": "The source group is deleted. Its jobs stay as history, its alerts are resolved.",
    "schedule-added": "The schedule is added.",
    "schedule-changed": "The schedule is changed.",
    "schedule-deleted": "The schedule is deleted. The jobs it made stay.",
    "repository-added": "The repository is added. The first job that uses it creates it.",
    "repository-changed": "The repository is changed. The next job uses it as it is now.",
    "repository-deleted": "The repository is forgotten here. What is stored in it stays.",
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

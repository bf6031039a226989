"""Forms of the web pages."""

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request

from services.api import auth, csrf
from services.api.errors import Problem
from shared.refusal import Refusal

MOST_FIELDS = 20


async def read_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The fields of a form."""
    try:
        body = (await request.body()).decode("ascii")
        return dict(parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Problem(Refusal.invalid(("", "is not a form"))) from None


async def read_own_form(request: Request[Any, Any, Any], csrf_key: bytes) -> dict[str, str]:
    """The fields of a form that a page of this session showed; 403 for any other."""
    form = await read_form(request)
    if not csrf.matches(csrf_key, request.cookies.get(auth.COOKIE, ""), form.get("csrf_token")):
        raise Problem(Refusal.forbidden("The form is too old. Go back, reload the page and try again."))
    return form

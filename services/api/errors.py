"""Every way a request can fail, as problem details (RFC 9457); for people, as a page."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, LitestarException
from litestar.response import Redirect, Template
from pydantic import ValidationError

from shared.db import is_transient
from shared.refusal import FieldError, Refusal

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "2"
SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not know this method.",
    413: "The body is larger than 4 MiB.",
}


SAID = {
    "extra_forbidden": "is not known here",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "missing": "is required",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
}
"""Pydantic's commonest mistakes in our words; the others are said in its own."""


class Problem(Exception):  # noqa: N818  it is one, RFC 9457 says so
    """A request that ends without what it asked for; `headers` go with the answer."""

    def __init__(self, refusal: Refusal, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(refusal.title)
        self.refusal = refusal
        self.headers = dict(headers or {})


class NotSignedInError(Exception):
    """A page was asked for without a session."""


def unauthorized(detail: str = "A valid token is needed.") -> Problem:
    """401: nobody we know."""
    refusal = Refusal(status=401, title="Unauthorized", detail=detail)
    return Problem(refusal, {"WWW-Authenticate": "Bearer"})


def invalid(error: ValidationError, depth: int | None = None) -> Problem:
    """422 with a pointer, at most so deep, and a sentence for each mistake that pydantic found."""
    found = error.errors(include_url=False, include_input=False)
    return Problem(Refusal.invalid(*(_mistake(each, depth) for each in found)))


def _mistake(error: Mapping[str, Any], depth: int | None) -> tuple[str, str]:
    context = error.get("ctx", {})
    parts = [str(part) for part in (*error["loc"], *filter(None, [context.get("field")])) if part != "[key]"][:depth]
    said = SAID.get(error["type"])
    return pointer(*parts), said.format(**context) if said else str(error["msg"]).removeprefix("Value error, ")


def pointer(*parts: str) -> str:
    """A JSON pointer (RFC 6901) to this field."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def as_problem(error: Exception) -> Problem:
    """The one table of what an exception means to a client."""
    match error:
        case Problem():
            return error
        case HTTPException(status_code=status) if status < 500:  # noqa: PLR2004
            return Problem(_refusal(status), error.headers)
        case _ if is_transient(error):
            log.warning("cannot answer now", error=type(error).__name__)
            return Problem(Refusal.unavailable("The database does not answer. Try again in a moment."))
        case _:
            log.error("request failed", exc_info=error)
            return Problem(
                Refusal(status=500, title="Internal error", detail="Something went wrong; the log says what.")
            )


def _refusal(status: int) -> Refusal:
    title = HTTPStatus(status).phrase
    return Refusal(status=status, title=title, detail=SENTENCES.get(status, f"{title}."))


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The answer to a request that raised."""
    if isinstance(error, NotSignedInError):
        return Redirect(_sign_in_first(request), status_code=303)
    problem = as_problem(error)
    refusal, headers = problem.refusal, problem.headers
    if refusal.status in {429, 503}:
        headers.setdefault("Retry-After", RETRY_SECONDS)
    if _wants_page(request):
        return Template("error.html", context={"refusal": refusal}, status_code=refusal.status, headers=headers)
    return Response(body(refusal), status_code=refusal.status, headers=headers, media_type=MEDIA_TYPE)


def _sign_in_first(request: Request[Any, Any, Any]) -> str:
    """Where to sign in, and from there to what was asked for."""
    asked = _asked(request) if request.method == "GET" else _page_before(request)
    return f"/login?next={quote(asked, safe='/')}" if asked not in {"", "/"} else "/login"


def _asked(request: Request[Any, Any, Any]) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return quote(request.scope["path"]) + (f"?{query}" if query else "")


def _page_before(request: Request[Any, Any, Any]) -> str:
    """The page of ours that a form was sent from; sign-in itself takes no other site's."""
    try:
        before = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    ours = before.netloc == request.headers.get("host", "")
    return before.path + (f"?{before.query}" if before.query else "") if ours else ""


def body(refusal: Refusal) -> dict[str, Any]:
    """Problem details of a refusal."""
    problem = {"type": "about:blank", "title": refusal.title, "status": refusal.status, "detail": refusal.detail}
    errors = {"errors": [FieldError.model_dump(each) for each in refusal.errors]} if refusal.errors else {}
    return {**refusal.extra, **problem, **errors}


def _wants_page(request: Request[Any, Any, Any]) -> bool:
    for_programs = request.scope["path"].startswith(("/api/", "/agent/"))
    return not for_programs and "text/html" in request.headers.get("accept", "")


HANDLERS: dict[int | type[Exception], Any] = {Exception: answer_error, LitestarException: answer_error}

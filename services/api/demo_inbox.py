"""The demo's webhook inbox: what a receiver gets, its signature checked."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from litestar import Request, Router, get, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.response import Template
from pydantic import Field, StringConstraints
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from services.api.errors import Problem
from services.api.parsing import Given
from services.api.queries import inbox as queries
from shared.asks.fields import Body
from shared.db import Pool
from shared.refusal import Refusal
from shared.sealing import Sealer
from shared.vocabulary import Role

PURPOSE = "demo inbox"
MOST_CALLS = 200
MOST_BODY_BYTES = 256 * 1024
Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]


class InboxSecret(Body):
    """The secret that signs the calls."""

    secret: Annotated[str, StringConstraints(pattern=r"^whsec_[A-Za-z0-9+/=]{20,200}$"), Field(repr=False)]


def router(guard: Guard) -> Router:
    """The inbox's routes; only handing over the secret needs a token."""

    @put("/secret", role=Role.ADMIN, guards=[guard], status_code=204)
    async def keep_secret(pool: Given[Pool], sealer: Given[Sealer], payload: Given[InboxSecret]) -> None:
        """Keep the secret to check signatures with."""
        await queries.keep_inbox_secret(pool, sealer.seal(payload.secret, PURPOSE))

    return Router("/demo/inbox", route_handlers=[keep_secret, receive_call, show_calls])


@post("/", status_code=204)
async def receive_call(request: Request[Any, Any, Any], pool: Given[Pool], sealer: Given[Sealer]) -> None:
    """Receive a webhook; one whose signature is wrong is refused."""
    body = await request.body()
    if len(body) > MOST_BODY_BYTES:
        raise Problem(Refusal(status=413, title="Content Too Large", detail="A webhook is smaller than this."))
    sealed = await queries.find_inbox_secret(pool)
    valid = sealed is not None and _verified(sealer.open(sealed, PURPOSE), body, dict(request.headers))
    webhook_id = request.headers.get("webhook-id", "")[:200]
    await queries.add_inbox_call(pool, webhook_id, valid, body.decode(errors="replace").replace("\0", ""), MOST_CALLS)
    if not valid:
        raise Problem(Refusal(status=401, title="Unauthorized", detail="The signature is not valid."))


@get("/")
async def show_calls(pool: Given[Pool]) -> Template:
    """Show the last calls."""
    return Template("inbox.html", context={"calls": await queries.list_inbox_calls(pool, MOST_CALLS)})


def _verified(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except (WebhookVerificationError, ValueError):
        return False
    return True

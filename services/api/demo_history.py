"""The demo's past: a month of backups that never were, so that nothing starts empty."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Router, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from services.api.owners import Owners
from services.api.parsing import Given
from shared.asks.demo import Past, TellPast
from shared.vocabulary import Role

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]


def router(guard: Guard) -> Router:
    """The route, for administrators."""
    return Router("/demo/history", route_handlers=[tell_past], guards=[guard])


@post("/", role=Role.ADMIN, status_code=200)
async def tell_past(owners: Given[Owners], payload: Given[Past]) -> dict[str, int]:
    """Write backups of the past, marked as the demo's; nobody is told."""
    return {"added": await owners.ask_to_the_end(TellPast(body=payload))}

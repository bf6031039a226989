"""The routes put together: one Litestar application out of its parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Litestar, Response, Router
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.enums import MediaType
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.serialization import get_serializer
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig
from pydantic import BaseModel

from services.api import (
    alerts,
    api_tokens,
    channels,
    dead_letters,
    deliveries,
    demo_history,
    demo_inbox,
    fleet_metrics,
    health,
    hosts,
    identity,
    job_logs,
    jobs,
    live,
    openapi,
    pages,
    repositories,
    schedules,
    sign_in,
    source_groups,
    users,
)
from services.api.addresses import Addresses
from services.api.agents import Agents
from services.api.auth import Doorkeeper
from services.api.errors import HANDLERS
from services.api.feed import Feed
from services.api.outermost import AsgiApp, wrapped
from services.api.owners import Owners
from services.api.pages import wording
from services.api.pages.failing_lines import printable
from services.api.pages.frame import STATIC, static
from services.api.parsing import read_payload, read_query
from services.api.reporting import Reporting
from services.api.sessions import Sessions
from services.api.settings import Settings
from shared.db import Pool
from shared.health import Check
from shared.sealing import Sealer

MOST_BODY_BYTES = 4 * 1024 * 1024
HERE = Path(__file__).parent
FOR_GOOD = CacheControlHeader(max_age=365 * 86400, immutable=True)
"""Browsers may keep static files for good: their addresses change with them."""
_PLAIN = get_serializer({})


class Answer(Response[Any]):
    """A response that lets pydantic write its own models."""

    def render(self, content: Any, media_type: MediaType | str, enc_hook: Any = _PLAIN) -> bytes:
        """The body's bytes."""
        if isinstance(content, BaseModel):
            return content.model_dump_json().encode()
        return super().render(content, media_type, enc_hook)


MODULES = (
    identity,
    api_tokens,
    users,
    repositories,
    hosts,
    source_groups,
    schedules,
    jobs,
    job_logs,
    alerts,
    channels,
    deliveries,
    dead_letters,
    fleet_metrics,
    live,
)


@dataclass(frozen=True)
class Parts:
    """What the routes work with."""

    settings: Settings
    pool: Pool
    owners: Owners
    doorkeeper: Doorkeeper
    sessions: Sessions
    agents: Agents
    feed: Feed
    sealer: Sealer
    checks: Mapping[str, Check]


def application(parts: Parts) -> AsgiApp:
    """The whole gateway as one ASGI application."""
    routes = [route for module in MODULES for route in module.ROUTES]
    demo = [part.router(parts.doorkeeper.guard()) for part in (demo_inbox, demo_history)] if parts.settings.demo else []
    app = Litestar(
        [
            Router("/api/v1", route_handlers=routes, guards=[parts.doorkeeper.guard()]),
            Router("/", route_handlers=pages.ROUTES, guards=[parts.doorkeeper.page_guard()]),
            *sign_in.ROUTES,
            *openapi.routes(routes),
            *demo,
            parts.agents.route(),
            *health.routes(parts.checks),
            create_static_files_router(
                "/static",
                [STATIC],
                include_in_schema=False,
                cache_control=FOR_GOOD,
            ),
        ],
        dependencies=_dependencies(parts),
        exception_handlers=HANDLERS,
        request_max_body_size=MOST_BODY_BYTES,
        response_class=Answer,
        template_config=TemplateConfig(
            directory=HERE / "templates", engine=JinjaTemplateEngine, engine_callback=_know_helpers
        ),
        openapi_config=None,
        logging_config=None,
    )
    return wrapped(app)  # type: ignore[arg-type]  # Litestar's own names for the same messages


def _know_helpers(engine: JinjaTemplateEngine) -> None:
    engine.engine.globals |= {"static": static, "words": wording}
    engine.engine.filters["printable"] = printable


def _dependencies(parts: Parts) -> dict[str, Provide]:
    given = {
        "settings": parts.settings,
        "pool": parts.pool,
        "owners": parts.owners,
        "reporting": Reporting(parts.owners),
        "doorkeeper": parts.doorkeeper,
        "sessions": parts.sessions,
        "passwords": parts.sessions.passwords,
        "feed": parts.feed,
        "sealer": parts.sealer,
        "addresses": Addresses(parts.settings.public_url),
    }
    found = {name: Provide(_always(value), sync_to_thread=False) for name, value in given.items()}
    return {**found, "payload": Provide(read_payload), "asked": Provide(read_query)}


def _always(value: Any) -> Any:
    def provide() -> Any:
        return value

    return provide

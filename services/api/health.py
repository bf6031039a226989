"""`/healthz`, `/readyz` and `/metrics`, open to everybody."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.health import Check, failures


def routes(checks: Mapping[str, Check]) -> list[HTTPRouteHandler]:
    """The three pages; ready means that every check passes."""

    @get("/healthz", sync_to_thread=False)
    def alive() -> dict[str, str]:
        """Answer while the process lives."""
        return {"status": "alive"}

    @get("/readyz")
    async def ready() -> Response[dict[str, Any]]:
        """Answer 200 when requests can be served, else 503 and what fails."""
        failed = await failures(checks)
        return Response({"ready": not failed, "failed": failed}, status_code=503 if failed else 200)

    @get("/metrics", sync_to_thread=False)
    def metrics() -> Response[bytes]:
        """Show the metrics of this process in Prometheus' format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [alive, ready, metrics]

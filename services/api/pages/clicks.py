"""What a click that acts is answered with: nothing but the news where the page shows it by itself."""

import json
from typing import Any

from litestar import Response

from services.api.pages.frame import FromUser, went


def by_htmx(request: FromUser) -> bool:
    """Whether a page of ours asks in the background."""
    return request.headers.get("hx-request") == "true"


def acted(request: FromUser, path: str, shown: str) -> Response[Any]:
    """For a live page the sentence that it shows, and that it has changed; for any other where to go."""
    if by_htmx(request):
        return Response(None, status_code=204, headers={"HX-Trigger": json.dumps({"acted": {"shown": shown}})})
    return went(path)

"""The log of a job, whole or a range of its bytes."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.response import Stream

from services.api.errors import Problem
from services.api.owners import Owners
from services.api.parsing import Given, Id
from shared.asks.jobs import LogText, ReadLog
from shared.refusal import Refusal
from shared.vocabulary import Role

SLICE_BYTES = 512 * 1024
MEDIA_TYPE = "text/plain"
Span = tuple[int | None, int | None]


def read_range(header: str | None) -> Span | None:
    """First and last byte of a `Range` header, as it names them; None for what may be ignored (RFC 9110, 14.2)."""
    found = re.fullmatch(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", header or "", re.IGNORECASE)
    if found is None or not any(found.groups()):
        return None
    first, last = (int(part) if part else None for part in found.groups())
    return None if first is not None and last is not None and last < first else (first, last)


def span_of(wanted: Span, total: int) -> tuple[int, int] | None:
    """The bytes from the first up to but not including the second; None when there are none to send."""
    first, last = wanted
    if first is None:
        start, end = max(total - (last or 0), 0), total
    else:
        start, end = first, total if last is None else min(last + 1, total)
    return (start, end) if start < end else None


@get("/jobs/{job_id:uuid}/log", role=Role.VIEWER, produces=MEDIA_TYPE)
async def read_log(request: Request[Any, Any, Any], owners: Given[Owners], job_id: Id) -> Response[Any]:
    """Read a job's log as text; `Range` asks for a part of it."""
    wanted = read_range(request.headers.get("range"))
    start = 0 if wanted is None else wanted[0] if wanted[0] is not None else -max(wanted[1] or 1, 1)
    known = await owners.ask(ReadLog(id=job_id, start=start, end=start + SLICE_BYTES if start >= 0 else None))
    if wanted is None:
        return Stream(
            _slices(owners, job_id, known, (0, known.total)), headers=_headers(0, known.total), media_type=MEDIA_TYPE
        )
    span = span_of(wanted, known.total)
    if span is None:
        raise _unsatisfiable(known.total)
    headers = _headers(*span) | {"Content-Range": f"bytes {span[0]}-{span[1] - 1}/{known.total}"}
    return Stream(_slices(owners, job_id, known, span), status_code=206, headers=headers, media_type=MEDIA_TYPE)


def _headers(start: int, end: int) -> dict[str, str]:
    return {"Accept-Ranges": "bytes", "Content-Length": str(end - start)}


def _unsatisfiable(total: int) -> Problem:
    refusal = Refusal(status=416, title="Range Not Satisfiable", detail=f"The log has {total} bytes.")
    return Problem(refusal, {"Content-Range": f"bytes */{total}"})


async def _slices(owners: Owners, job_id: UUID, known: LogText, span: tuple[int, int]) -> AsyncIterator[bytes]:
    """What is known already, then the rest slice by slice; a failure in between breaks the connection off."""
    start, end = span
    text = known.text[: end - start]
    while text:
        yield text
        start += len(text)
        if start >= end:
            return
        text = (await owners.ask(ReadLog(id=job_id, start=start, end=min(start + SLICE_BYTES, end)))).text
    if start < end:
        raise Problem(Refusal.unavailable("The log became shorter while it was read."))


ROUTES = [read_log]

"""One alert: what failed, what was done about it, who was told, and what people do with it."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template

from services.api.alerts import find_alert, only
from services.api.errors import Problem
from services.api.forms import Form, filled_in, read_own_form
from services.api.owners import Owners
from services.api.pages.alert_words import MOMENTS, WAITING, happened, told, what_failed
from services.api.pages.failing_lines import TAIL_BYTES, Excerpt, excerpt
from services.api.pages.frame import DONE, FromUser, page, went
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from services.api.sign_in import local_path
from shared import cursor
from shared.asks.alerts import Acknowledge, Alert, AlertDetail, ListAlerts, Note, Resolve
from shared.asks.deliveries import Attempt, RetryDelivery, TellAttempts
from shared.asks.jobs import ReadLog
from shared.own_host import OWN_HOST_ID
from shared.vocabulary import Role

EARLIER = 10
SETTLING = timedelta(seconds=15)
"""So long after an event its deliveries are looked for, as nothing announces them."""
CONFLICT = 409


@get("/alerts/{alert_id:uuid}", role=Role.VIEWER)
async def alert_page(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], alert_id: Id) -> Template:
    """Show one alert: what happened to it, and who was told."""
    return await _page(request, owners, sessions, alert_id)


async def _page(
    request: FromUser, owners: Owners, sessions: Sessions, alert_id: UUID, problem: Problem | None = None
) -> Template:
    alert = await find_alert(owners, alert_id)
    # A refresh asks for the live part alone; what is below it does not change.
    whole = not _by_htmx(request)
    attempts, around = await asyncio.gather(_attempts(owners, alert), _around(owners, alert if whole else None))
    context = {
        "alert": alert,
        "what": what_failed(alert),
        "own": alert.host_id == OWN_HOST_ID,
        "timeline": [(entry, happened(entry.type, alert)) for entry in alert.timeline],
        "told": told(alert),
        "moments": MOMENTS,
        "attempts": attempts,
        "waiting": _waiting(alert, datetime.now(UTC)),
        "around": around,
        "problem": problem and problem.refusal.detail,
    }
    return page("alert.html", request, sessions, context, status=problem.refusal.status if problem else 200)


def _by_htmx(request: FromUser) -> bool:
    return request.headers.get("hx-request") == "true"


def _waiting(alert: AlertDetail, now: datetime) -> bool:
    """Whether something is about to change that no event announces: decisions, deliveries."""
    if any(delivery.state in WAITING for delivery in alert.deliveries or []):
        return True
    return bool(alert.timeline) and now - alert.timeline[-1].at < SETTLING


async def _attempts(owners: Owners, alert: AlertDetail) -> dict[UUID, list[Attempt]]:
    if not alert.deliveries:
        return {}
    return await owners.ask_secondary(TellAttempts(delivery_ids=[each.id for each in alert.deliveries])) or {}


@dataclass(frozen=True)
class Around:
    """The log of the job that raised an alert, and earlier alerts of its key; null is what can't be had now."""

    log: Excerpt | None = None
    log_bytes: int | None = None
    earlier: list[Alert] | None = None


async def _around(owners: Owners, alert: AlertDetail | None) -> Around:
    if alert is None:
        return Around()
    earlier, log = await asyncio.gather(_earlier(owners, alert), _log(owners, alert.raised_job_id))
    return Around(*log, earlier)


async def _earlier(owners: Owners, alert: AlertDetail) -> list[Alert] | None:
    found = await owners.ask_secondary(
        ListAlerts(
            host_ids=[alert.host_id],
            kinds=[alert.kind],
            dedup_key=alert.dedup_key,
            cursor=cursor.encode(alert.first_seen_at, alert.id),
            limit=EARLIER,
        )
    )
    return None if found is None else found.items


async def _log(owners: Owners, job_id: UUID | None) -> tuple[Excerpt | None, int | None]:
    if job_id is None:
        return None, None
    found = await owners.ask_secondary(ReadLog(id=job_id, start=-TAIL_BYTES))
    if found is None or not found.text:
        return None, None if found is None else found.total
    return await asyncio.to_thread(excerpt, found.text, whole=found.total <= TAIL_BYTES), found.total


@post("/alerts/{alert_id:uuid}/ack", role=Role.OPERATOR, status_code=303)
async def acknowledge(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], alert_id: Id
) -> Response[Any]:
    """Acknowledge an alert."""
    return await _click(request, owners, sessions, alert_id, Acknowledge)


@post("/alerts/{alert_id:uuid}/resolve", role=Role.OPERATOR, status_code=303)
async def resolve(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], alert_id: Id) -> Response[Any]:
    """Resolve an alert."""
    return await _click(request, owners, sessions, alert_id, Resolve)


async def _click(
    request: FromUser, owners: Owners, sessions: Sessions, alert_id: UUID, click: type[Acknowledge | Resolve]
) -> Response[Any]:
    form = await read_own_form(request, sessions.csrf_key)
    note = filled_in(Note, {"note": form.optional("note")}).note
    try:
        await only(owners, click(ids=[alert_id], actor=request.user.name, note=note))
    except Problem as problem:
        if problem.refusal.status != CONFLICT or _by_htmx(request):
            raise
        return await _page(request, owners, sessions, alert_id, problem)
    return _taken(request, form, alert_id, "acknowledged" if click is Acknowledge else "resolved")


@post("/alerts/{alert_id:uuid}/deliveries/{delivery_id:uuid}/retry", role=Role.OPERATOR, status_code=303)
async def retry(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], alert_id: Id, delivery_id: Id
) -> Response[Any]:
    """Send a failed or dead delivery again, now."""
    form = await read_own_form(request, sessions.csrf_key)
    await owners.ask_to_the_end(RetryDelivery(id=delivery_id))
    return _taken(request, form, alert_id, "retried")


def _taken(request: FromUser, form: Form, alert_id: UUID, done: str) -> Response[Any]:
    """Nothing but the news for a page that shows it by itself; for any other, the way back."""
    if _by_htmx(request):
        news = json.dumps({"acted": {"said": DONE[done]}})
        return Response(None, status_code=204, headers={"HX-Trigger": news})
    back = local_path(form.text("back")) if form.optional("back") else f"/alerts/{alert_id}"
    return went(f"{back}{'&' if '?' in back else '?'}done={done}")


ROUTES = [alert_page, acknowledge, resolve, retry]

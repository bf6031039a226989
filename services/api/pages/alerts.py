"""The list of alerts, and what people do with many of them at once."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import get, post
from litestar.response import Template
from pydantic import BeforeValidator

from services.api.alerts import AlertQuery, find_alerts
from services.api.errors import Problem
from services.api.forms import filled_in, read_own_form
from services.api.owners import Owners
from services.api.pages.alert_words import KINDS, in_sum, outcome
from services.api.pages.frame import FromUser, page
from services.api.parsing import Address, Given, PageQuery
from services.api.sessions import Sessions
from services.api.sign_in import local_path
from shared.asks.alerts import Acknowledge, Alert, BulkNote, ListAlerts, Resolve
from shared.asks.fields import Text
from shared.asks.hosts import GetHost
from shared.own_host import OWN_HOST_ID, OWN_HOST_NAME
from shared.refusal import Refusal
from shared.vocabulary import AlertKind, Role, Severity

TABS = {"open": "Open", "acked": "Acked", "resolved": "Resolved", "all": "All"}
STATES = {*TABS, "unresolved"}
MOST_KEPT = 200

Chosen = BeforeValidator(lambda value: value or None)
"""A field of a form that was left empty asks for nothing."""


class AlertPageQuery(Address, PageQuery):
    """Which alerts the page shows; `shown` are those that stay although they are over, as somebody points at them."""

    state: str = "open"
    severity: Annotated[Severity | None, Chosen] = None
    kind: Annotated[AlertKind | None, Chosen] = None
    host_id: Annotated[UUID | None, Chosen] = None
    q: Annotated[Text | None, Chosen] = None
    shown: list[UUID] = []
    done: Text | None = None

    @property
    def tab(self) -> str:
        """The state that is asked for; a word that is none means the first tab."""
        return self.state if self.state in STATES else "open"

    def address(self, **changes: Any) -> str:
        """The address of this list, or of one that differs in this; from its beginning unless `cursor` is given."""
        asked = self.model_dump(mode="json", include={"severity", "kind", "host_id", "q"}) | {"state": self.tab}
        if self.limit != PageQuery().limit:
            asked["limit"] = self.limit
        return "/alerts?" + urlencode({name: value for name, value in (asked | changes).items() if value})


@get("/alerts", role=Role.VIEWER)
async def alerts_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[AlertPageQuery]
) -> Template:
    """Show alerts, newest first."""
    found = await find_alerts(owners, _filters(asked))
    context = {
        "rows": found.items + await _kept(owners, asked, {alert.id for alert in found.items}),
        "gone": set(asked.shown) - {alert.id for alert in found.items},
        "asked": asked,
        "here": asked.address(cursor=asked.cursor),
        "older": found.next_cursor and asked.address(cursor=found.next_cursor),
        "tabs": TABS,
        "kinds": KINDS,
        "severities": list(reversed(Severity)),
        "host_name": await _host_name(owners, asked.host_id),
        "summary": _summary(asked, found.items, more=bool(found.next_cursor)),
    }
    return page("alerts.html", request, sessions, context)


def _filters(asked: AlertPageQuery) -> AlertQuery:
    filters = {
        "state": [] if asked.tab == "all" else [asked.tab],
        "severity": [asked.severity] if asked.severity else [],
        "kind": [asked.kind] if asked.kind else [],
        "host_id": [asked.host_id] if asked.host_id else [],
    }
    return AlertQuery.model_validate(filters | {"q": asked.q, "limit": asked.limit, "cursor": asked.cursor})


async def _host_name(owners: Owners, host_id: UUID | None) -> str | None:
    if host_id is None:
        return None
    if host_id == OWN_HOST_ID:
        return OWN_HOST_NAME
    host = await owners.ask_secondary(GetHost(id=host_id))
    return host.name if host else None


async def _kept(owners: Owners, asked: AlertPageQuery, listed: set[UUID]) -> list[Alert]:
    """Alerts that no longer belong to this list, as they are now."""
    over = [alert_id for alert_id in dict.fromkeys(asked.shown) if alert_id not in listed][:MOST_KEPT]
    return (await owners.ask(ListAlerts(ids=over, limit=MOST_KEPT))).items if over else []


def _summary(asked: AlertPageQuery, alerts: list[Alert], *, more: bool) -> str:
    """What the list comes to, to be said aloud when it changes."""
    if not alerts:
        return "No alerts here."
    state = "" if asked.tab == "all" else f"{asked.tab} "
    count = f"{len(alerts)}{' or more' if more else ''} {state}{'alert' if len(alerts) == 1 else 'alerts'}"
    return f"{count}, newest: {alerts[0].title}"


@post("/alerts/ack", role=Role.OPERATOR, status_code=200)
async def acknowledge_many(request: FromUser, owners: Given[Owners], sessions: Given[Sessions]) -> Template:
    """Acknowledge many alerts, and show how it went with each."""
    return await _with_many(request, owners, sessions, Acknowledge)


@post("/alerts/resolve", role=Role.OPERATOR, status_code=200)
async def resolve_many(request: FromUser, owners: Given[Owners], sessions: Given[Sessions]) -> Template:
    """Resolve many alerts, and show how it went with each."""
    return await _with_many(request, owners, sessions, Resolve)


async def _with_many(
    request: FromUser, owners: Owners, sessions: Sessions, click: type[Acknowledge | Resolve]
) -> Template:
    form = await read_own_form(request, sessions.csrf_key)
    if not form.all("id"):
        raise Problem(Refusal.invalid(("/ids", "Select at least one alert.")))
    wanted = filled_in(BulkNote, {"ids": form.all("id"), "note": form.optional("note")})
    done = await owners.ask_to_the_end(click(ids=wanted.ids, actor=request.user.name, note=wanted.note))
    known = await _titles(owners, wanted.ids)
    context = {
        "sum": in_sum(click, [result.status for result in done.results]),
        "results": [(result, known.get(result.id), outcome(click, result.status)) for result in done.results],
        "back": local_path(form.text("back")),
    }
    return page("alerts_done.html", request, sessions, context)


async def _titles(owners: Owners, ids: list[UUID]) -> dict[UUID, str]:
    found: dict[UUID, str] = {}
    for start in range(0, len(ids), MOST_KEPT):
        listed = await owners.ask_secondary(ListAlerts(ids=ids[start : start + MOST_KEPT], limit=MOST_KEPT))
        found |= {alert.id: alert.title for alert in listed.items} if listed else {}
    return found


ROUTES = [alerts_page, acknowledge_many, resolve_many]

"""Pages of alerts, and what people do with them there."""

from uuid import UUID

from litestar import get, post
from litestar.response import Redirect, Template

from services.api.alerts import AlertQuery, find_alert, find_alerts, only
from services.api.forms import Form, filled_in, read_own_form
from services.api.owners import Owners
from services.api.pages.frame import FromUser, page, went
from services.api.parsing import Given, Id, PageQuery
from services.api.sessions import Sessions
from shared.asks.alerts import Acknowledge, Note, Resolve, StateFilter
from shared.asks.fields import Text
from shared.vocabulary import Role

TABS = {"unresolved": "Unresolved", "open": "Open", "acked": "Acknowledged", "resolved": "Resolved", "all": "All"}


class AlertPageQuery(PageQuery):
    """Which alerts the page shows."""

    state: str = "unresolved"
    q: Text | None = None


@get("/alerts", role=Role.VIEWER)
async def alerts_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[AlertPageQuery]
) -> Template:
    """Show alerts, newest first."""
    state = asked.state if asked.state in TABS else "unresolved"
    states: list[StateFilter] = [] if state == "all" else [state]  # type: ignore[list-item]  # all other tabs are states
    query = AlertQuery(state=states, q=asked.q or None, limit=asked.limit, cursor=asked.cursor)
    found = await find_alerts(owners, query)
    context = {
        "alerts": found.items,
        "next_cursor": found.next_cursor,
        "tabs": TABS,
        "state": state,
        "q": asked.q or "",
    }
    return page("alerts.html", request, sessions, context)


@get("/alerts/{alert_id:uuid}", role=Role.VIEWER)
async def alert_page(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], alert_id: Id) -> Template:
    """Show one alert: what happened to it, and who was told."""
    return page("alert.html", request, sessions, {"alert": await find_alert(owners, alert_id)})


@post("/alerts/{alert_id:uuid}/ack", role=Role.OPERATOR, status_code=303)
async def acknowledge(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], alert_id: Id) -> Redirect:
    """Acknowledge an alert and come back."""
    form = await read_own_form(request, sessions.csrf_key)
    await only(owners, Acknowledge(ids=[alert_id], actor=request.user.name, note=_note(form)))
    return _back(form, alert_id)


@post("/alerts/{alert_id:uuid}/resolve", role=Role.OPERATOR, status_code=303)
async def resolve(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], alert_id: Id) -> Redirect:
    """Resolve an alert and come back."""
    form = await read_own_form(request, sessions.csrf_key)
    await only(owners, Resolve(ids=[alert_id], actor=request.user.name, note=_note(form)))
    return _back(form, alert_id)


def _note(form: Form) -> str | None:
    return filled_in(Note, {"note": form.optional("note")}).note


def _back(form: Form, alert_id: UUID) -> Redirect:
    return went("/alerts" if form.text("back") == "list" else f"/alerts/{alert_id}")


ROUTES = [alerts_page, alert_page, acknowledge, resolve]

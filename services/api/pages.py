"""The web pages, plain: alerts, and what people do with them."""

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.response import Redirect, Template

from services.api import auth, csrf
from services.api.alerts import AlertQuery, find_alert, find_alerts, only
from services.api.auth import Identity
from services.api.forms import read_own_form
from services.api.owners import Owners
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


@get("/", role=Role.VIEWER, sync_to_thread=False)
def home() -> Redirect:
    """Go to the alerts."""
    return Redirect("/alerts")


@get("/alerts", role=Role.VIEWER)
async def alerts_page(
    request: Request[Identity, Any, Any], owners: Given[Owners], sessions: Given[Sessions], asked: Given[AlertPageQuery]
) -> Template:
    """Show alerts, newest first."""
    state = asked.state if asked.state in TABS else "unresolved"
    states: list[StateFilter] = [] if state == "all" else [state]  # type: ignore[list-item]  # all other tabs are states
    query = AlertQuery(state=states, q=asked.q or None, limit=asked.limit, cursor=asked.cursor)
    page = await find_alerts(owners, query)
    context = {"alerts": page.items, "next_cursor": page.next_cursor, "tabs": TABS, "state": state, "q": asked.q or ""}
    return _page("alerts.html", request, sessions, context)


@get("/alerts/{alert_id:uuid}", role=Role.VIEWER)
async def alert_page(
    request: Request[Identity, Any, Any], owners: Given[Owners], sessions: Given[Sessions], alert_id: Id
) -> Template:
    """Show one alert: what happened to it, and who was told."""
    return _page("alert.html", request, sessions, {"alert": await find_alert(owners, alert_id)})


@post("/alerts/{alert_id:uuid}/ack", role=Role.OPERATOR, status_code=303)
async def acknowledge(
    request: Request[Identity, Any, Any], owners: Given[Owners], sessions: Given[Sessions], alert_id: Id
) -> Redirect:
    """Acknowledge an alert and come back."""
    form = await read_own_form(request, sessions.csrf_key)
    await only(owners, Acknowledge(ids=[alert_id], actor=request.user.name, note=_note(form)))
    return _back(form, alert_id)


@post("/alerts/{alert_id:uuid}/resolve", role=Role.OPERATOR, status_code=303)
async def resolve(
    request: Request[Identity, Any, Any], owners: Given[Owners], sessions: Given[Sessions], alert_id: Id
) -> Redirect:
    """Resolve an alert and come back."""
    form = await read_own_form(request, sessions.csrf_key)
    await only(owners, Resolve(ids=[alert_id], actor=request.user.name, note=_note(form)))
    return _back(form, alert_id)


def _note(form: dict[str, str]) -> str | None:
    return Note(note=form.get("note") or None).note


def _back(form: dict[str, str], alert_id: UUID) -> Redirect:
    return Redirect("/alerts" if form.get("back") == "list" else f"/alerts/{alert_id}", status_code=303)


def _page(name: str, request: Request[Identity, Any, Any], sessions: Sessions, context: dict[str, Any]) -> Template:
    me = request.user
    token = csrf.token_for(sessions.csrf_key, request.cookies.get(auth.COOKIE, ""))
    may_act = me.role is not None and me.role.includes(Role.OPERATOR)
    return Template(name, context={**context, "me": me, "csrf_token": token, "may_act": may_act})


ROUTES = [home, alerts_page, alert_page, acknowledge, resolve]

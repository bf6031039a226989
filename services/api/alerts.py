"""Routes of alerts: what people see of them and do with them."""

import asyncio
from typing import Any
from uuid import UUID

from litestar import Request, get, post

from services.api.addresses import Addresses
from services.api.auth import Identity
from services.api.errors import Problem
from services.api.owners import Owners
from services.api.parsing import Given, Id, PageQuery
from shared.asks.alerts import (
    Acknowledge,
    Alert,
    AlertDetail,
    BulkNote,
    BulkResults,
    GetAlert,
    ListAlerts,
    Note,
    Resolve,
    StateFilter,
)
from shared.asks.ask import Page
from shared.asks.deliveries import GetAlertDeliveries
from shared.asks.fields import Text
from shared.asks.jobs import Synthetic, TellSynthetic
from shared.refusal import Refusal
from shared.vocabulary import AlertKind, Role, Severity


class AlertQuery(PageQuery):
    """Filters of alerts; `q` finds prefixes of words in host and group names."""

    state: list[StateFilter] = []
    host_id: list[UUID] = []
    kind: list[AlertKind] = []
    severity: list[Severity] = []
    source_group_id: list[UUID] = []
    q: Text | None = None


@get("/alerts", role=Role.VIEWER)
async def list_alerts(
    request: Request[Any, Any, Any], owners: Given[Owners], addresses: Given[Addresses], asked: Given[AlertQuery]
) -> Page[Alert]:
    """List alerts, newest first."""
    page = await find_alerts(owners, asked)
    items = [alert.model_copy(update={"url": addresses.alert(request, alert.id)}) for alert in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


async def find_alerts(owners: Owners, asked: AlertQuery) -> Page[Alert]:
    """A page of alerts, as alerts tells it."""
    return await owners.ask(
        ListAlerts(
            states=asked.state,
            host_ids=asked.host_id,
            kinds=asked.kind,
            severities=asked.severity,
            source_group_ids=asked.source_group_id,
            q=asked.q,
            limit=asked.limit,
            cursor=asked.cursor,
        )
    )


@get("/alerts/{alert_id:uuid}", role=Role.VIEWER)
async def get_alert(
    request: Request[Any, Any, Any], owners: Given[Owners], addresses: Given[Addresses], alert_id: Id
) -> AlertDetail:
    """Show an alert: what happened to it, who was told and who was not."""
    detail = await find_alert(owners, alert_id)
    return detail.model_copy(update={"url": addresses.alert(request, alert_id)})


async def find_alert(owners: Owners, alert_id: UUID) -> AlertDetail:
    """An alert with its deliveries; those are null while notifier does not answer."""
    telling = owners.ask_secondary(GetAlertDeliveries(alert_id=alert_id))
    alert, told = await asyncio.gather(owners.ask(GetAlert(id=alert_id)), telling)
    deliveries, decisions = (told.deliveries, told.decisions) if told else (None, None)
    return AlertDetail(**dict(alert), deliveries=deliveries, decisions=decisions)


@post("/alerts/{alert_id:uuid}/ack", role=Role.OPERATOR, status_code=204)
async def acknowledge_alert(
    request: Request[Identity, Any, Any], owners: Given[Owners], alert_id: Id, payload: Given[Note]
) -> None:
    """Acknowledge an alert; every enabled channel that was told of it is told of this."""
    await only(owners, Acknowledge(ids=[alert_id], actor=request.user.name, note=payload.note))


@post("/alerts/{alert_id:uuid}/resolve", role=Role.OPERATOR, status_code=204)
async def resolve_alert(
    request: Request[Identity, Any, Any], owners: Given[Owners], alert_id: Id, payload: Given[Note]
) -> None:
    """Resolve an alert by hand."""
    await only(owners, Resolve(ids=[alert_id], actor=request.user.name, note=payload.note))


@post("/alerts/ack", role=Role.OPERATOR, status_code=200)
async def acknowledge_alerts(
    request: Request[Identity, Any, Any], owners: Given[Owners], payload: Given[BulkNote]
) -> BulkResults:
    """Acknowledge many alerts; one result each, in the order asked."""
    return await owners.ask_to_the_end(Acknowledge(ids=payload.ids, actor=request.user.name, note=payload.note))


@post("/alerts/resolve", role=Role.OPERATOR, status_code=200)
async def resolve_alerts(
    request: Request[Identity, Any, Any], owners: Given[Owners], payload: Given[BulkNote]
) -> BulkResults:
    """Resolve many alerts; one result each, in the order asked."""
    return await owners.ask_to_the_end(Resolve(ids=payload.ids, actor=request.user.name, note=payload.note))


async def only(owners: Owners, click: Acknowledge | Resolve) -> None:
    """Do this to its one alert; 404 and 409 are Problems."""
    (result,) = (await owners.ask_to_the_end(click)).results
    match result.status:
        case 404:
            raise Problem(Refusal.not_found("alert"))
        case 409:
            raise Problem(Refusal.conflict("The alert is resolved already."))


@post("/alerts/fake", role=Role.ADMIN, status_code=202)
async def fake_alert(owners: Given[Owners], payload: Given[Synthetic]) -> dict[str, str]:
    """Make a synthetic alert, or its resolution, through the real path."""
    await owners.ask(TellSynthetic(body=payload))
    return {}


ROUTES = [
    list_alerts,
    get_alert,
    acknowledge_alert,
    resolve_alert,
    acknowledge_alerts,
    resolve_alerts,
    fake_alert,
]

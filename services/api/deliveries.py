"""Routes of deliveries."""

from uuid import UUID

from litestar import get, post

from services.api.owners import Owners
from services.api.parsing import Given, Id, PageQuery
from shared.asks.ask import Page
from shared.asks.deliveries import Delivery, DeliveryWithAttempts, GetDelivery, ListDeliveries, RetryDelivery
from shared.vocabulary import DeliveryState, Role


class DeliveryQuery(PageQuery):
    """Filters of deliveries."""

    channel_id: list[UUID] = []
    alert_id: list[UUID] = []
    state: list[DeliveryState] = []


@get("/deliveries", role=Role.VIEWER)
async def list_deliveries(owners: Given[Owners], asked: Given[DeliveryQuery]) -> Page[Delivery]:
    """List deliveries, newest first."""
    return await owners.ask(
        ListDeliveries(
            channel_ids=asked.channel_id,
            alert_ids=asked.alert_id,
            states=asked.state,
            limit=asked.limit,
            cursor=asked.cursor,
        )
    )


@get("/deliveries/{delivery_id:uuid}", role=Role.VIEWER)
async def get_delivery(owners: Given[Owners], delivery_id: Id) -> DeliveryWithAttempts:
    """Show a delivery and every attempt."""
    return await owners.ask(GetDelivery(id=delivery_id))


@post("/deliveries/{delivery_id:uuid}/retry", role=Role.OPERATOR, status_code=202)
async def retry_delivery(owners: Given[Owners], delivery_id: Id) -> Delivery:
    """Send a failed or dead delivery again, now."""
    return await owners.ask(RetryDelivery(id=delivery_id))


ROUTES = [list_deliveries, get_delivery, retry_delivery]

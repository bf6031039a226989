"""One channel: how it does, what it was told, and the form that changes it."""

import asyncio
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import get, post
from litestar.response import Redirect, Template

from services.api.errors import Problem
from services.api.forms import read_own_form
from services.api.owners import Owners
from services.api.pages import channel_forms
from services.api.pages.channels import health_of, shown
from services.api.pages.frame import FromUser, page, went
from services.api.parsing import Address, Given, Id, OrNothing
from services.api.sessions import Sessions
from shared.asks.channels import MOST_COUNTED, GetChannel, PatchChannel
from shared.asks.deliveries import ListDeliveriesOfChannel
from shared.asks.fields import Text
from shared.vocabulary import DeliveryState, Role

AT_ONCE = 10
WAITING = {DeliveryState.PENDING, DeliveryState.FAILED}


class ChannelQuery(Address):
    """Which deliveries are shown; what has just been done."""

    show: Literal["all", "dead"] = "all"
    cursor: Annotated[Text | None, OrNothing] = None
    done: Text | None = None


@get("/channels/{channel_id:uuid}", role=Role.VIEWER)
async def channel_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], channel_id: Id, asked: Given[ChannelQuery]
) -> Template:
    """Show a channel."""
    return page("channel.html", request, sessions, await all_about(owners, channel_id, asked))


@post("/channels/{channel_id:uuid}", role=Role.ADMIN, status_code=303)
async def save_channel(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], channel_id: Id
) -> Redirect | Template:
    """Change a channel; a secret that was left empty stays."""
    form = await read_own_form(request, sessions.csrf_key)
    channel = await owners.ask(GetChannel(id=channel_id))
    try:
        await owners.ask(PatchChannel(id=channel_id, changes=channel_forms.changes(form, channel)))
    except Problem as problem:
        problems = channel_forms.problems(problem, channel.kind)
        typed = {"values": channel_forms.typed(form, channel.kind, channel.config), "problems": problems}
        context = await all_about(owners, channel_id, ChannelQuery()) | typed
        return page("channel.html", request, sessions, context, status=problem.refusal.status)
    return went(f"/channels/{channel_id}?done=channel-changed")


async def all_about(owners: Owners, channel_id: UUID, asked: ChannelQuery) -> dict[str, Any]:
    """What a channel's page shows."""
    told = ListDeliveriesOfChannel(
        channel_id=channel_id, given_up=asked.show == "dead", limit=AT_ONCE, cursor=asked.cursor
    )
    channel, deliveries, health = await asyncio.gather(
        owners.ask(GetChannel(id=channel_id)),
        owners.ask(told),
        health_of(owners, [channel_id]),
    )
    return {
        "channel": shown(channel),
        "deliveries": deliveries.items,
        "waiting": any(delivery.state in WAITING for delivery in deliveries.items),
        "next_cursor": deliveries.next_cursor,
        "asked": asked,
        "health": health.get(channel_id),
        "most": MOST_COUNTED,
        "kind": channel.kind,
        "values": channel_forms.stored(channel),
        "problems": {},
        "test": None,
        **channel_forms.CHOICES,
    }


ROUTES = [channel_page, save_channel]

"""The list of channels, and making one."""

from typing import Annotated, Any
from uuid import UUID

from litestar import get, post
from litestar.response import Redirect, Template

from services.api.errors import Problem
from services.api.forms import read_own_form
from services.api.owners import Owners
from services.api.pages import channel_forms
from services.api.pages.channel_kinds import FORMS
from services.api.pages.channel_words import told_of
from services.api.pages.frame import FromUser, page, went
from services.api.parsing import Address, Given, OrNothing
from services.api.sessions import Sessions
from shared.asks.channels import (
    MOST_COUNTED,
    Channel,
    ChannelHealth,
    CreateChannel,
    GetChannelsHealth,
    ListChannels,
)
from shared.asks.fields import Text
from shared.vocabulary import ChannelKind, Role

AT_ONCE = 25


class ChannelsQuery(Address):
    """Which page of the list; what has just been done."""

    cursor: Annotated[Text | None, OrNothing] = None
    done: Text | None = None


class NewChannelQuery(Address):
    """Of which kind the channel is to be."""

    kind: ChannelKind = ChannelKind.WEBHOOK


@get("/channels", role=Role.VIEWER)
async def channels_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[ChannelsQuery]
) -> Template:
    """Show who is told, of what, and how that goes."""
    found = await owners.ask(ListChannels(limit=AT_ONCE, cursor=asked.cursor))
    context = {
        "channels": [shown(channel) for channel in found.items],
        "health": await health_of(owners, [channel.id for channel in found.items]),
        "most": MOST_COUNTED,
        "next_cursor": found.next_cursor,
        "cursor": asked.cursor,
    }
    return page("channels.html", request, sessions, context)


def shown(channel: Channel) -> dict[str, Any]:
    """A channel with what its page says of it in words."""
    kind = FORMS[channel.kind]
    return {**dict(channel), "told_of": told_of(channel), "label": kind.label, "where": kind.where(channel.config)}


async def health_of(owners: Owners, channels: list[UUID]) -> dict[UUID, ChannelHealth]:
    """How each of these channels does; nothing while notifier does not say."""
    found = await owners.ask_secondary(GetChannelsHealth(ids=channels))
    return {one.channel_id: one for one in found or []}


@get("/channels/new", role=Role.ADMIN, sync_to_thread=False)
def new_channel_page(request: FromUser, sessions: Given[Sessions], asked: Given[NewChannelQuery]) -> Template:
    """Show the form that makes a channel."""
    return _form(request, sessions, asked.kind, channel_forms.empty(asked.kind))


@post("/channels/new", role=Role.ADMIN, status_code=201)
async def make_channel(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[NewChannelQuery]
) -> Redirect | Template:
    """Make a channel; its signing secret is shown this once."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        channel = await owners.ask(CreateChannel(body=channel_forms.new_channel(form, asked.kind)))
    except Problem as problem:
        values = channel_forms.typed(form, asked.kind, {})
        return _form(request, sessions, asked.kind, values, problem)
    if channel.signing_secret is None:
        return went(f"/channels/{channel.id}?done=channel-added")
    return page("channel_made.html", request, sessions, {"channel": channel}, status=201)


def _form(
    request: FromUser, sessions: Sessions, kind: ChannelKind, values: dict[str, Any], problem: Problem | None = None
) -> Template:
    problems = channel_forms.problems(problem, kind) if problem else {}
    context = {"values": values, "problems": problems, "forms": FORMS, "kind": kind, **channel_forms.CHOICES}
    status = problem.refusal.status if problem else 200
    return page("channel_new.html", request, sessions, context, status=status)


ROUTES = [channels_page, new_channel_page, make_channel]

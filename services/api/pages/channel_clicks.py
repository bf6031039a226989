"""What people do with a channel by one click."""

from typing import Any

from litestar import Response, post
from litestar.response import Redirect, Template

from services.api.forms import read_own_form
from services.api.owners import Owners
from services.api.pages.channel import ChannelQuery, all_about
from services.api.pages.frame import FromUser, page, went
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from shared.asks.channels import ChannelPatch, DeleteChannel, PatchChannel, RenewSigningSecret, TestChannel
from shared.asks.deliveries import RetryDelivery
from shared.vocabulary import Role


@post("/channels/{channel_id:uuid}/test", role=Role.ADMIN, status_code=200)
async def send_test(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], channel_id: Id) -> Template:
    """Send a test and show what came back."""
    await read_own_form(request, sessions.csrf_key)
    result = await owners.ask(TestChannel(id=channel_id))
    context = await all_about(owners, channel_id, ChannelQuery()) | {"test": result}
    return page("channel.html", request, sessions, context)


@post("/channels/{channel_id:uuid}/signing-secret", role=Role.ADMIN, status_code=200)
async def renew_secret(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], channel_id: Id) -> Template:
    """Renew the signing secret, and show it this once."""
    await read_own_form(request, sessions.csrf_key)
    channel = await owners.ask(RenewSigningSecret(id=channel_id))
    return page("channel_made.html", request, sessions, {"channel": channel, "renewed": True})


@post("/channels/{channel_id:uuid}/enable", role=Role.ADMIN, status_code=303)
async def enable(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], channel_id: Id) -> Redirect:
    """Let the channel be told again."""
    await read_own_form(request, sessions.csrf_key)
    await owners.ask(PatchChannel(id=channel_id, changes=ChannelPatch(enabled=True)))
    return went(f"/channels/{channel_id}?done=channel-enabled")


@post("/channels/{channel_id:uuid}/disable", role=Role.ADMIN, status_code=303)
async def disable(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], channel_id: Id) -> Redirect:
    """Tell the channel nothing more."""
    await read_own_form(request, sessions.csrf_key)
    await owners.ask(PatchChannel(id=channel_id, changes=ChannelPatch(enabled=False)))
    return went(f"/channels/{channel_id}?done=channel-disabled")


@post("/channels/{channel_id:uuid}/delete", role=Role.ADMIN, status_code=303)
async def delete(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], channel_id: Id) -> Redirect:
    """Delete the channel."""
    await read_own_form(request, sessions.csrf_key)
    await owners.ask(DeleteChannel(id=channel_id))
    return went("/channels?done=channel-deleted")


@post("/channels/{channel_id:uuid}/deliveries/{delivery_id:uuid}/retry", role=Role.OPERATOR, status_code=303)
async def retry(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], channel_id: Id, delivery_id: Id
) -> Response[Any]:
    """Send a delivery again."""
    await read_own_form(request, sessions.csrf_key)
    await owners.ask(RetryDelivery(id=delivery_id))
    if request.headers.get("hx-request"):
        return Response(None, status_code=204, headers={"HX-Trigger": "refresh"})
    return went(f"/channels/{channel_id}?done=retried")


ROUTES = [send_test, renew_secret, enable, disable, delete, retry]

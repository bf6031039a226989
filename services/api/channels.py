"""Routes of channels."""

from litestar import delete, get, patch, post

from services.api.owners import Owners
from services.api.parsing import Given, Id, PageQuery
from shared.asks.ask import Page
from shared.asks.channels import (
    Channel,
    ChannelCreate,
    ChannelPatch,
    ChannelWithSecret,
    CreateChannel,
    DeleteChannel,
    GetChannel,
    ListChannels,
    PatchChannel,
    RenewSigningSecret,
    TestChannel,
    TestResult,
)
from shared.vocabulary import Role


@get("/channels", role=Role.VIEWER)
async def list_channels(owners: Given[Owners], asked: Given[PageQuery]) -> Page[Channel]:
    """List channels, newest first; secrets are masked."""
    return await owners.ask(ListChannels(limit=asked.limit, cursor=asked.cursor))


@post("/channels", role=Role.ADMIN)
async def create_channel(owners: Given[Owners], payload: Given[ChannelCreate]) -> ChannelWithSecret:
    """Make a channel; the signing secret of a webhook is shown this once."""
    return await owners.ask(CreateChannel(body=payload))


@get("/channels/{channel_id:uuid}", role=Role.VIEWER)
async def get_channel(owners: Given[Owners], channel_id: Id) -> Channel:
    """Show a channel."""
    return await owners.ask(GetChannel(id=channel_id))


@patch("/channels/{channel_id:uuid}", role=Role.ADMIN)
async def patch_channel(owners: Given[Owners], channel_id: Id, payload: Given[ChannelPatch]) -> Channel:
    """Change a channel; a secret left out stays."""
    return await owners.ask(PatchChannel(id=channel_id, changes=payload))


@delete("/channels/{channel_id:uuid}", role=Role.ADMIN)
async def delete_channel(owners: Given[Owners], channel_id: Id) -> None:
    """Delete a channel; its waiting deliveries end."""
    await owners.ask(DeleteChannel(id=channel_id))


@post("/channels/{channel_id:uuid}/signing-secret", role=Role.ADMIN)
async def renew_signing_secret(owners: Given[Owners], channel_id: Id) -> ChannelWithSecret:
    """Renew a webhook's signing secret; for 24 hours calls are signed with both. The new one is shown this once."""
    return await owners.ask(RenewSigningSecret(id=channel_id))


@post("/channels/{channel_id:uuid}/test", role=Role.ADMIN, status_code=200)
async def test_channel(owners: Given[Owners], channel_id: Id) -> TestResult:
    """Send a marked test message now and say what came back."""
    return await owners.ask(TestChannel(id=channel_id))


ROUTES = [
    list_channels,
    create_channel,
    get_channel,
    patch_channel,
    renew_signing_secret,
    delete_channel,
    test_channel,
]

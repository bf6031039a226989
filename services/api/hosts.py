"""Routes of hosts."""

import asyncio
from uuid import UUID

from litestar import delete, get, patch, post

from services.api.owners import Owners
from services.api.parsing import Given, Id, PageQuery
from shared.asks.alerts import CountUnresolved
from shared.asks.ask import Page
from shared.asks.fields import Text
from shared.asks.hosts import (
    CreateHost,
    DeleteHost,
    GetHost,
    Host,
    HostCreate,
    HostPatch,
    HostWithToken,
    ListHosts,
    PatchHost,
    RenewHostToken,
)
from shared.vocabulary import HostStatus, Role


class HostQuery(PageQuery):
    """Filters of hosts."""

    name: list[Text] = []
    status: list[HostStatus] = []
    label: list[Text] = []
    q: Text | None = None


@get("/hosts", role=Role.VIEWER)
async def list_hosts(owners: Given[Owners], asked: Given[HostQuery]) -> Page[Host]:
    """List hosts by name."""
    return await find_hosts(owners, asked)


async def find_hosts(owners: Owners, asked: HostQuery) -> Page[Host]:
    """A page of hosts and how many alerts each has; that is null while alerts does not answer."""
    page = await owners.ask(
        ListHosts(
            names=asked.name,
            statuses=asked.status,
            labels=asked.label,
            q=asked.q,
            limit=asked.limit,
            cursor=asked.cursor,
        )
    )
    return Page(items=await _with_alerts(owners, page.items), next_cursor=page.next_cursor)


@post("/hosts", role=Role.ADMIN)
async def create_host(owners: Given[Owners], payload: Given[HostCreate]) -> HostWithToken:
    """Make a host; the agent's token is shown this once."""
    host = await owners.ask(CreateHost(body=payload))
    return host.model_copy(update={"open_alerts": 0})


@get("/hosts/{host_id:uuid}", role=Role.VIEWER)
async def get_host(owners: Given[Owners], host_id: Id) -> Host:
    """Show a host."""
    return await find_host(owners, host_id)


async def find_host(owners: Owners, host_id: UUID) -> Host:
    """A host and how many alerts it has."""
    counting = owners.ask_secondary(CountUnresolved(host_ids=[host_id]))
    host, counts = await asyncio.gather(owners.ask(GetHost(id=host_id)), counting)
    return _counted(host, counts)


@patch("/hosts/{host_id:uuid}", role=Role.ADMIN)
async def patch_host(owners: Given[Owners], host_id: Id, payload: Given[HostPatch]) -> Host:
    """Change a host."""
    host = await owners.ask(PatchHost(id=host_id, changes=payload))
    (counted,) = await _with_alerts(owners, [host])
    return counted


@delete("/hosts/{host_id:uuid}", role=Role.ADMIN)
async def delete_host(owners: Given[Owners], host_id: Id) -> None:
    """Delete a host, its groups and jobs; its token ends, its alerts are resolved."""
    await owners.ask(DeleteHost(id=host_id))


@post("/hosts/{host_id:uuid}/token", role=Role.ADMIN)
async def renew_host_token(owners: Given[Owners], host_id: Id) -> HostWithToken:
    """Make a new token for a host's agent; the old one stops at once."""
    host = await owners.ask(RenewHostToken(id=host_id))
    counts = await owners.ask_secondary(CountUnresolved(host_ids=[host_id]))
    return host.model_copy(update={"open_alerts": None if counts is None else counts.get(host_id, 0)})


async def _with_alerts(owners: Owners, hosts: list[Host]) -> list[Host]:
    if not hosts:
        return []
    counts = await owners.ask_secondary(CountUnresolved(host_ids=[host.id for host in hosts]))
    return [_counted(host, counts) for host in hosts]


def _counted(host: Host, counts: dict[UUID, int] | None) -> Host:
    return host.model_copy(update={"open_alerts": None if counts is None else counts.get(host.id, 0)})


ROUTES = [list_hosts, create_host, get_host, patch_host, delete_host, renew_host_token]

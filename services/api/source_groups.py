"""Routes of source groups."""

from litestar import delete, get, patch, post

from services.api.owners import Owners
from services.api.parsing import Given, Id, PageQuery
from shared.asks.ask import Page
from shared.asks.source_groups import (
    CreateSourceGroup,
    DeleteSourceGroup,
    GetSourceGroup,
    ListSourceGroups,
    PatchSourceGroup,
    SourceGroup,
    SourceGroupCreate,
    SourceGroupPatch,
)
from shared.vocabulary import Role


@get("/hosts/{host_id:uuid}/source-groups", role=Role.VIEWER)
async def list_source_groups(owners: Given[Owners], host_id: Id, asked: Given[PageQuery]) -> Page[SourceGroup]:
    """List the source groups of a host."""
    return await owners.ask(ListSourceGroups(host_id=host_id, limit=asked.limit, cursor=asked.cursor))


@post("/hosts/{host_id:uuid}/source-groups", role=Role.ADMIN)
async def create_source_group(owners: Given[Owners], host_id: Id, payload: Given[SourceGroupCreate]) -> SourceGroup:
    """Make a source group of a host."""
    return await owners.ask(CreateSourceGroup(host_id=host_id, body=payload))


@get("/source-groups/{source_group_id:uuid}", role=Role.VIEWER)
async def get_source_group(owners: Given[Owners], source_group_id: Id) -> SourceGroup:
    """Show a source group."""
    return await owners.ask(GetSourceGroup(id=source_group_id))


@patch("/source-groups/{source_group_id:uuid}", role=Role.ADMIN)
async def patch_source_group(
    owners: Given[Owners], source_group_id: Id, payload: Given[SourceGroupPatch]
) -> SourceGroup:
    """Change a source group."""
    return await owners.ask(PatchSourceGroup(id=source_group_id, changes=payload))


@delete("/source-groups/{source_group_id:uuid}", role=Role.ADMIN)
async def delete_source_group(owners: Given[Owners], source_group_id: Id) -> None:
    """Delete a source group; its jobs stay as history, its alerts are resolved."""
    await owners.ask(DeleteSourceGroup(id=source_group_id))


ROUTES = [list_source_groups, create_source_group, get_source_group, patch_source_group, delete_source_group]

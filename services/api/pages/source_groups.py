"""Source groups of a host: added, changed, deleted, and run now."""

import asyncio
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template

from services.api.errors import Problem
from services.api.forms import filled_in, problems_of, read_own_form
from services.api.owners import Owners
from services.api.pages import group_forms
from services.api.pages.clicks import acted
from services.api.pages.frame import FromUser, page, went
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from shared.asks.hosts import GetHost, Host
from shared.asks.jobs import RunSourceGroup
from shared.asks.source_groups import (
    CreateSourceGroup,
    DeleteSourceGroup,
    GetSourceGroup,
    PatchSourceGroup,
    SourceGroup,
    SourceGroupCreate,
    SourceGroupPatch,
)
from shared.refusal import Refusal
from shared.vocabulary import Role


@get("/hosts/{host_id:uuid}/source-groups/new", role=Role.ADMIN)
async def new_group_page(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id) -> Template:
    """Show the form that adds a source group."""
    host = await owners.ask(GetHost(id=host_id))
    return _form(request, sessions, host, None, group_forms.new())


def _form(  # noqa: PLR0913, PLR0917  all that the page shows
    request: FromUser,
    sessions: Sessions,
    host: Host,
    group: SourceGroup | None,
    typed: group_forms.Typed,
    problem: Problem | None = None,
) -> Template:
    context = {
        "host": host,
        "group": group,
        "typed": typed,
        "rules": group_forms.RULES,
        "problems": problems_of(problem, group_forms.FIELDS) if problem else {},
    }
    return page("source_group.html", request, sessions, context, status=problem.refusal.status if problem else 200)


@post("/hosts/{host_id:uuid}/source-groups/new", role=Role.ADMIN, status_code=303)
async def add_group(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id) -> Response[Any]:
    """Make a source group."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        body = filled_in(SourceGroupCreate, group_forms.values(form))
        await owners.ask(CreateSourceGroup(host_id=host_id, body=body))
    except Problem as problem:
        host = await owners.ask(GetHost(id=host_id))
        return _form(request, sessions, host, None, group_forms.typed(form), problem)
    return went(f"/hosts/{host_id}?done=group-added")


async def _find(owners: Owners, host_id: UUID, group_id: UUID) -> tuple[Host, SourceGroup]:
    host, group = await asyncio.gather(owners.ask(GetHost(id=host_id)), owners.ask(GetSourceGroup(id=group_id)))
    if group.host_id != host_id:
        raise Problem(Refusal.not_found("source group"))
    return host, group


@get("/hosts/{host_id:uuid}/source-groups/{group_id:uuid}", role=Role.ADMIN)
async def edit_group_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, group_id: Id
) -> Template:
    """Show the form that changes a source group."""
    host, group = await _find(owners, host_id, group_id)
    return _form(request, sessions, host, group, group_forms.shown(group))


@post("/hosts/{host_id:uuid}/source-groups/{group_id:uuid}", role=Role.ADMIN, status_code=303)
async def edit_group(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, group_id: Id
) -> Response[Any]:
    """Change a source group."""
    form = await read_own_form(request, sessions.csrf_key)
    host, group = await _find(owners, host_id, group_id)
    try:
        changes = filled_in(SourceGroupPatch, group_forms.values(form))
        await owners.ask(PatchSourceGroup(id=group_id, changes=changes))
    except Problem as problem:
        return _form(request, sessions, host, group, group_forms.typed(form), problem)
    return went(f"/hosts/{host_id}?done=group-changed")


@get("/hosts/{host_id:uuid}/source-groups/{group_id:uuid}/delete", role=Role.ADMIN)
async def delete_group_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, group_id: Id
) -> Template:
    """Ask whether a source group is to be deleted."""
    host, group = await _find(owners, host_id, group_id)
    context = {
        "title": f"Delete {group.name}?",
        "above": [("/hosts", "Hosts"), (f"/hosts/{host_id}", host.name)],
        "consequence": f"The source group {group.name} of {host.name} is not backed up any more. Its jobs stay as"
        " history, its alerts are resolved, and its snapshots stay in the repository.",
        "button": "Delete source group",
        "back": f"/hosts/{host_id}",
    }
    return page("confirm.html", request, sessions, context)


@post("/hosts/{host_id:uuid}/source-groups/{group_id:uuid}/delete", role=Role.ADMIN, status_code=303)
async def delete_group(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, group_id: Id
) -> Response[Any]:
    """Delete a source group."""
    await read_own_form(request, sessions.csrf_key)
    await _find(owners, host_id, group_id)
    await owners.ask(DeleteSourceGroup(id=group_id))
    return went(f"/hosts/{host_id}?done=group-deleted")


@post("/hosts/{host_id:uuid}/source-groups/{group_id:uuid}/run", role=Role.OPERATOR, status_code=303)
async def run_group(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, group_id: Id
) -> Response[Any]:
    """Back up a source group now."""
    await read_own_form(request, sessions.csrf_key)
    await _find(owners, host_id, group_id)
    job = await owners.ask_to_the_end(RunSourceGroup(source_group_id=group_id))
    return acted(request, f"/jobs/{job.id}", f"Backup of {job.source_group_name} is on its way.")


ROUTES = [
    new_group_page,
    add_group,
    edit_group_page,
    edit_group,
    delete_group_page,
    delete_group,
    run_group,
]

"""What an administrator changes about a host: its name and limits, its agent's token, and its end."""

from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from services.api.addresses import Addresses
from services.api.errors import Problem
from services.api.forms import filled_in, problems_of, read_own_form
from services.api.owners import Owners
from services.api.pages import host_forms
from services.api.pages.agent_command import agent_command
from services.api.pages.frame import FromUser, page, went
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from shared.asks.hosts import DeleteHost, GetHost, Host, HostPatch, PatchHost, RenewHostToken
from shared.vocabulary import Role


@get("/hosts/{host_id:uuid}/edit", role=Role.ADMIN)
async def edit_host_page(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id) -> Template:
    """Show the form that changes a host."""
    host = await owners.ask(GetHost(id=host_id))
    return _form(request, sessions, host, host_forms.shown_host(host))


def _form(
    request: FromUser, sessions: Sessions, host: Host, typed: host_forms.Typed, problem: Problem | None = None
) -> Template:
    after = str(host.offline_after_seconds or host_forms.NEVER)
    context = {
        "host": host,
        "typed": typed,
        "problems": problems_of(problem, host_forms.HOST_FIELDS) if problem else {},
        "offline_after": {after: host_forms.offline_after(host)} | host_forms.OFFLINE_AFTER,
    }
    return page("host_edit.html", request, sessions, context, status=problem.refusal.status if problem else 200)


@post("/hosts/{host_id:uuid}/edit", role=Role.ADMIN, status_code=303)
async def edit_host(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id) -> Response[Any]:
    """Change a host."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        values = host_forms.host_values(form) | {"repository_id": await host_forms.repository_id(owners, form)}
        await owners.ask(PatchHost(id=host_id, changes=filled_in(HostPatch, values)))
    except Problem as problem:
        host = await owners.ask(GetHost(id=host_id))
        return _form(request, sessions, host, host_forms.typed_host(form), problem)
    return went(f"/hosts/{host_id}?done=host-changed")


@get("/hosts/{host_id:uuid}/token", role=Role.ADMIN)
async def renew_page(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id) -> Template:
    """Ask whether the agent's token is to be renewed."""
    host = await owners.ask(GetHost(id=host_id))
    return page("host_renew.html", request, sessions, {"host": host})


@post("/hosts/{host_id:uuid}/token", role=Role.ADMIN, status_code=201)
async def renew(
    request: FromUser,
    owners: Given[Owners],
    sessions: Given[Sessions],
    addresses: Given[Addresses],
    host_id: Id,
) -> Template:
    """Make a new token; it is on this page and on no other."""
    await read_own_form(request, sessions.csrf_key)
    host = await owners.ask(RenewHostToken(id=host_id))
    command = agent_command(addresses.base(request))
    return page("host_token.html", request, sessions, {"host": host, "agent": command, "added": False}, status=201)


@get("/hosts/{host_id:uuid}/delete", role=Role.ADMIN)
async def delete_page(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id) -> Template:
    """Ask for the name of the host that is to be deleted."""
    host = await owners.ask(GetHost(id=host_id))
    return page("host_delete.html", request, sessions, {"host": host, "typed": "", "problems": {}})


@post("/hosts/{host_id:uuid}/delete", role=Role.ADMIN, status_code=303)
async def delete(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id) -> Response[Any]:
    """Delete a host whose name was typed."""
    form = await read_own_form(request, sessions.csrf_key)
    host = await owners.ask(GetHost(id=host_id))
    if form.text("name").casefold() != host.name.casefold():
        problems = {"name": f"Type {host.name} to delete it; anything else deletes nothing."}
        context = {"host": host, "typed": form.text("name"), "problems": problems}
        return page("host_delete.html", request, sessions, context, status=422)
    await owners.ask(DeleteHost(id=host_id))
    return went("/hosts?done=host-deleted")


ROUTES = [edit_host_page, edit_host, renew_page, renew, delete_page, delete]

"""The list of hosts, and how one is added."""

from typing import Any

from litestar import get, post
from litestar.response import Template

from services.api import hosts as routes
from services.api.addresses import Addresses
from services.api.errors import Problem
from services.api.forms import filled_in, problems_of, read_own_form
from services.api.owners import Owners
from services.api.pages import host_forms, wording
from services.api.pages.agent_command import agent_command
from services.api.pages.frame import FromUser, page
from services.api.pages.lists import Asked, ListQuery
from services.api.parsing import Address, Given
from services.api.sessions import Sessions
from shared.asks.ask import Page
from shared.asks.fields import Text
from shared.asks.hosts import CreateHost, Host, HostCreate, ListHosts
from shared.vocabulary import HostStatus, Role

UNPROCESSABLE = 422
MOST_OPTIONS = 20


class HostListQuery(ListQuery):
    """Which hosts the page shows."""

    q: Asked[Text] = None
    label: Asked[Text] = None
    status: Asked[HostStatus] = None


@get("/hosts", role=Role.VIEWER)
async def hosts_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[HostListQuery]
) -> Template:
    """Show hosts by name."""
    found, problem = await _find(owners, asked)
    context = {
        "hosts": found.items,
        "asked": asked,
        "problem": problem,
        "here": asked.address("/hosts", cursor=asked.cursor),
        "first": asked.cursor and asked.address("/hosts"),
        "next": found.next_cursor and asked.address("/hosts", cursor=found.next_cursor),
        "statuses": wording.STATUSES,
        "filtered": bool(asked.q or asked.label or asked.status),
    }
    return page("hosts.html", request, sessions, context)


async def _find(owners: Owners, asked: HostListQuery) -> tuple[Page[Host], str | None]:
    """The hosts, or what is wrong with the filter."""
    try:
        return await routes.find_hosts(owners, _filters(asked)), None
    except Problem as problem:
        if problem.refusal.status != UNPROCESSABLE:
            raise
        return Page(items=[]), problem.refusal.detail


def _filters(asked: HostListQuery) -> routes.HostQuery:
    return routes.HostQuery(
        q=asked.q,
        label=[asked.label] if asked.label else [],
        status=[asked.status] if asked.status else [],
        limit=asked.limit,
        cursor=asked.cursor,
    )


class OptionQuery(Address):
    """The beginning, or any part, of a name."""

    host: Text = ""


@get("/hosts/options", role=Role.VIEWER)
async def host_options(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[OptionQuery]
) -> Template:
    """Names of hosts to choose from while one is typed."""
    found = await owners.ask(ListHosts(q=asked.host or None, limit=MOST_OPTIONS))
    return page("options.html", request, sessions, {"names": [host.name for host in found.items]})


@get("/hosts/new", role=Role.ADMIN)
async def new_host_page(request: FromUser, sessions: Given[Sessions]) -> Template:
    """Show the form that adds a host."""
    return _form(request, sessions, host_forms.new_host())


def _form(request: FromUser, sessions: Sessions, typed: host_forms.Typed, problem: Problem | None = None) -> Template:
    context = {
        "typed": typed,
        "problems": problems_of(problem, host_forms.HOST_FIELDS) if problem else {},
        "offline_after": host_forms.OFFLINE_AFTER,
    }
    return page("host_new.html", request, sessions, context, status=problem.refusal.status if problem else 200)


@post("/hosts/new", role=Role.ADMIN, status_code=201)
async def add_host(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], addresses: Given[Addresses]
) -> Template:
    """Make a host; its token is on this page and on no other."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        values: dict[str, Any] = host_forms.host_values(form)
        match form.text("repository"):
            case "existing":
                values["repository_id"] = await host_forms.repository_id(owners, form)
            case "new":
                values["repository"] = host_forms.repository_values(form, "repository_")
        host = await owners.ask(CreateHost(body=filled_in(HostCreate, values)))
    except Problem as problem:
        return _form(request, sessions, host_forms.typed_host(form), problem)
    command = agent_command(addresses.base(request))
    return page("host_token.html", request, sessions, {"host": host, "agent": command, "added": True}, status=201)


ROUTES = [hosts_page, host_options, new_host_page, add_host]

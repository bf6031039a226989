"""Schedules of a host: added and changed, and when they would run, spelled out while they are typed."""

import asyncio
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template

from services.api.errors import Problem
from services.api.forms import Form, filled_in, problems_of, read_own_form
from services.api.owners import Owners
from services.api.pages import schedule_forms
from services.api.pages.frame import FromUser, page, went
from services.api.pages.wording import KINDS
from services.api.parsing import Address, Given, Id
from services.api.sessions import Sessions
from shared.asks.fields import Text
from shared.asks.hosts import GetHost, Host
from shared.asks.schedules import (
    CreateSchedule,
    GetSchedule,
    PatchSchedule,
    PreviewSchedule,
    Schedule,
    ScheduleCreate,
    SchedulePatch,
)
from shared.asks.source_groups import ListSourceGroups
from shared.refusal import Refusal
from shared.vocabulary import Role

MOST_GROUPS = 200


class PreviewQuery(Address):
    """What is being typed."""

    cron: Text = ""
    timezone: Text = ""


@get("/hosts/schedule-preview", role=Role.VIEWER)
async def preview(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[PreviewQuery]
) -> Template:
    """Spell out when a schedule would run next, or what is wrong with it."""
    context: dict[str, Any] = {"runs": [], "problems": {}, "timezone": asked.timezone}
    try:
        runs = await owners.ask(PreviewSchedule(cron=asked.cron.strip(), timezone=asked.timezone.strip()))
        context["runs"] = schedule_forms.in_zone(runs, asked.timezone.strip())
    except Problem as problem:
        context["problems"] = problems_of(problem, {"cron", "timezone"})
    return page("schedule_preview.html", request, sessions, context)


async def _form(  # noqa: PLR0913, PLR0917  all that the page shows
    request: FromUser,
    owners: Owners,
    sessions: Sessions,
    host: Host,
    schedule: Schedule | None,
    typed: schedule_forms.Typed,
    problem: Problem | None = None,
) -> Template:
    groups = await owners.ask(ListSourceGroups(host_id=host.id, limit=MOST_GROUPS))
    context = {
        "host": host,
        "schedule": schedule,
        "typed": typed,
        "problems": problems_of(problem, schedule_forms.FIELDS) if problem else {},
        "groups": sorted(groups.items, key=lambda group: group.name.casefold()),
        "kinds": KINDS,
        "examples": schedule_forms.EXAMPLES,
        "timezones": schedule_forms.timezones(),
    }
    return page("schedule.html", request, sessions, context, status=problem.refusal.status if problem else 200)


@get("/hosts/{host_id:uuid}/schedules/new", role=Role.ADMIN)
async def new_schedule_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id
) -> Template:
    """Show the form that adds a schedule."""
    host = await owners.ask(GetHost(id=host_id))
    return await _form(request, owners, sessions, host, None, schedule_forms.new())


@post("/hosts/{host_id:uuid}/schedules/new", role=Role.ADMIN, status_code=303)
async def add_schedule(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id
) -> Response[Any]:
    """Make a schedule."""
    form = await read_own_form(request, sessions.csrf_key)
    try:
        body = filled_in(ScheduleCreate, _values(form))
        await owners.ask(CreateSchedule(host_id=host_id, body=body))
    except Problem as problem:
        host = await owners.ask(GetHost(id=host_id))
        return await _form(request, owners, sessions, host, None, schedule_forms.typed(form), problem)
    return went(f"/hosts/{host_id}?done=schedule-added")


def _values(form: Form) -> dict[str, Any]:
    values = schedule_forms.values(form)
    if values["source_group_ids"] == []:
        raise Problem(Refusal.invalid(("/source_group_ids", "Choose at least one source group, or all of them.")))
    return values


async def find_schedule(owners: Owners, host_id: UUID, schedule_id: UUID) -> tuple[Host, Schedule]:
    """A host and a schedule of it; raises a 404 Problem."""
    host, schedule = await asyncio.gather(owners.ask(GetHost(id=host_id)), owners.ask(GetSchedule(id=schedule_id)))
    if schedule.host_id != host_id:
        raise Problem(Refusal.not_found("schedule"))
    return host, schedule


@get("/hosts/{host_id:uuid}/schedules/{schedule_id:uuid}", role=Role.ADMIN)
async def edit_schedule_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, schedule_id: Id
) -> Template:
    """Show the form that changes a schedule."""
    host, schedule = await find_schedule(owners, host_id, schedule_id)
    return await _form(request, owners, sessions, host, schedule, schedule_forms.shown(schedule))


@post("/hosts/{host_id:uuid}/schedules/{schedule_id:uuid}", role=Role.ADMIN, status_code=303)
async def edit_schedule(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, schedule_id: Id
) -> Response[Any]:
    """Change a schedule."""
    form = await read_own_form(request, sessions.csrf_key)
    host, schedule = await find_schedule(owners, host_id, schedule_id)
    try:
        changes = filled_in(SchedulePatch, _values(form))
        await owners.ask(PatchSchedule(id=schedule_id, changes=changes))
    except Problem as problem:
        return await _form(request, owners, sessions, host, schedule, schedule_forms.typed(form), problem)
    return went(f"/hosts/{host_id}?done=schedule-changed")


ROUTES = [preview, new_schedule_page, add_schedule, edit_schedule_page, edit_schedule]

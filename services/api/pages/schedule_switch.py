"""A schedule that stands: switched on and off, and deleted."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template

from services.api.forms import read_own_form
from services.api.owners import Owners
from services.api.pages.clicks import acted
from services.api.pages.frame import FromUser, page, went
from services.api.pages.schedules import find_schedule
from services.api.pages.wording import KINDS
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from shared.asks.schedules import DeleteSchedule, PatchSchedule, SchedulePatch
from shared.vocabulary import Role


@post("/hosts/{host_id:uuid}/schedules/{schedule_id:uuid}/enabled", role=Role.ADMIN, status_code=303)
async def switch_schedule(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, schedule_id: Id
) -> Response[Any]:
    """Switch a schedule on or off."""
    form = await read_own_form(request, sessions.csrf_key)
    await find_schedule(owners, host_id, schedule_id)
    enabled = form.text("enabled") == "yes"
    await owners.ask_to_the_end(PatchSchedule(id=schedule_id, changes=SchedulePatch(enabled=enabled)))
    return acted(request, f"/hosts/{host_id}", f"The schedule is {'on' if enabled else 'off'}.")


@get("/hosts/{host_id:uuid}/schedules/{schedule_id:uuid}/delete", role=Role.ADMIN)
async def delete_schedule_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, schedule_id: Id
) -> Template:
    """Ask whether a schedule is to be deleted."""
    host, schedule = await find_schedule(owners, host_id, schedule_id)
    context = {
        "title": "Delete this schedule?",
        "above": [("/hosts", "Hosts"), (f"/hosts/{host_id}", host.name)],
        "consequence": f"{KINDS[schedule.kind]} at “{schedule.cron}” ({schedule.timezone}) makes no more jobs on"
        f" {host.name}. The jobs it made stay.",
        "button": "Delete schedule",
        "back": _back(host_id),
    }
    return page("confirm.html", request, sessions, context)


@post("/hosts/{host_id:uuid}/schedules/{schedule_id:uuid}/delete", role=Role.ADMIN, status_code=303)
async def delete_schedule(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, schedule_id: Id
) -> Response[Any]:
    """Delete a schedule."""
    await read_own_form(request, sessions.csrf_key)
    await find_schedule(owners, host_id, schedule_id)
    await owners.ask(DeleteSchedule(id=schedule_id))
    return went(f"{_back(host_id)}?done=schedule-deleted")


def _back(host_id: UUID) -> str:
    return f"/hosts/{host_id}"


ROUTES = [switch_schedule, delete_schedule_page, delete_schedule]

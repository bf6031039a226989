"""Routes of schedules."""

from litestar import delete, get, patch, post

from services.api.owners import Owners
from services.api.parsing import Given, Id, PageQuery
from shared.asks.ask import Page
from shared.asks.schedules import (
    CreateSchedule,
    DeleteSchedule,
    GetSchedule,
    ListSchedules,
    PatchSchedule,
    Schedule,
    ScheduleCreate,
    SchedulePatch,
)
from shared.vocabulary import Role


@get("/hosts/{host_id:uuid}/schedules", role=Role.VIEWER)
async def list_schedules(owners: Given[Owners], host_id: Id, asked: Given[PageQuery]) -> Page[Schedule]:
    """List the schedules of a host."""
    return await owners.ask(ListSchedules(host_id=host_id, limit=asked.limit, cursor=asked.cursor))


@post("/hosts/{host_id:uuid}/schedules", role=Role.ADMIN)
async def create_schedule(owners: Given[Owners], host_id: Id, payload: Given[ScheduleCreate]) -> Schedule:
    """Make a schedule of a host; a backup schedule makes one job per source group."""
    return await owners.ask(CreateSchedule(host_id=host_id, body=payload))


@get("/schedules/{schedule_id:uuid}", role=Role.VIEWER)
async def get_schedule(owners: Given[Owners], schedule_id: Id) -> Schedule:
    """Show a schedule."""
    return await owners.ask(GetSchedule(id=schedule_id))


@patch("/schedules/{schedule_id:uuid}", role=Role.ADMIN)
async def patch_schedule(owners: Given[Owners], schedule_id: Id, payload: Given[SchedulePatch]) -> Schedule:
    """Change a schedule."""
    return await owners.ask(PatchSchedule(id=schedule_id, changes=payload))


@delete("/schedules/{schedule_id:uuid}", role=Role.ADMIN)
async def delete_schedule(owners: Given[Owners], schedule_id: Id) -> None:
    """Delete a schedule."""
    await owners.ask(DeleteSchedule(id=schedule_id))


ROUTES = [list_schedules, create_schedule, get_schedule, patch_schedule, delete_schedule]

"""One host: how it does, what of it is backed up and when, and what ran there last."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template

from services.api.errors import Problem
from services.api.forms import filled_in, read_own_form
from services.api.hosts import find_host
from services.api.owners import Owners
from services.api.pages import host_forms
from services.api.pages.clicks import acted
from services.api.pages.frame import FromUser, page
from services.api.pages.lists import Asked, ListQuery
from services.api.pages.wording import KINDS
from services.api.parsing import Given, Id
from services.api.sessions import Sessions
from shared.asks.alerts import Alert, ListAlerts
from shared.asks.ask import Page
from shared.asks.fields import Text
from shared.asks.jobs import CreateJob, Job, JobCreate, ListJobs
from shared.asks.schedules import ListSchedules
from shared.asks.source_groups import ListSourceGroups, SourceGroup
from shared.refusal import Refusal
from shared.vocabulary import JobKind, JobStatus, Role

RECENT = 10
MOST = 200
UNFINISHED = [status for status in JobStatus if not status.finished]


class HostQuery(ListQuery):
    """Where the lists on the page go on."""

    groups: Asked[Text] = None
    schedules: Asked[Text] = None


@dataclass(frozen=True)
class GroupRow:
    """A source group, the job that it has not finished, and the alerts about it."""

    group: SourceGroup
    unfinished: Job | None
    alerts: list[Alert]


@get("/hosts/{host_id:uuid}", role=Role.VIEWER)
async def host_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id, asked: Given[HostQuery]
) -> Template:
    """Show a host: its groups, schedules and recent jobs."""
    host, groups, schedules, recent, unfinished, alerts = await asyncio.gather(
        find_host(owners, host_id),
        owners.ask(ListSourceGroups(host_id=host_id, limit=MOST, cursor=asked.groups)),
        owners.ask(ListSchedules(host_id=host_id, limit=MOST, cursor=asked.schedules)),
        owners.ask(ListJobs(host_ids=[host_id], limit=RECENT)),
        owners.ask(ListJobs(host_ids=[host_id], statuses=UNFINISHED, limit=MOST)),
        _alerts(owners, host_id),
    )
    context = {
        "host": host,
        "here": asked.address(f"/hosts/{host_id}"),
        "groups": _rows(groups, unfinished.items, alerts),
        "more_groups": groups.next_cursor and asked.address(f"/hosts/{host_id}", groups=groups.next_cursor),
        "schedules": schedules.items,
        "more_schedules": schedules.next_cursor and asked.address(f"/hosts/{host_id}", schedules=schedules.next_cursor),
        "names": {group.id: group.name for group in groups.items},
        "alerts": [alert for alert in alerts if alert.source_group_id is None],
        "jobs": recent.items,
        "busy": {job.kind for job in unfinished.items},
        "offline_after": host_forms.offline_after(host),
    }
    return page("host.html", request, sessions, context)


async def _alerts(owners: Owners, host_id: UUID) -> list[Alert]:
    found = await owners.ask_secondary(ListAlerts(host_ids=[host_id], states=["unresolved"], limit=MOST))
    return found.items if found else []


def _rows(groups: Page[SourceGroup], unfinished: list[Job], alerts: list[Alert]) -> list[GroupRow]:
    running = {job.source_group_id: job for job in unfinished}
    return [
        GroupRow(group, running.get(group.id), [alert for alert in alerts if alert.source_group_id == group.id])
        for group in sorted(groups.items, key=lambda group: group.name.casefold())
    ]


@post("/hosts/{host_id:uuid}/jobs", role=Role.OPERATOR, status_code=303)
async def start_job(request: FromUser, owners: Given[Owners], sessions: Given[Sessions], host_id: Id) -> Response[Any]:
    """Forget, prune or check the host's repository now."""
    form = await read_own_form(request, sessions.csrf_key)
    body = filled_in(JobCreate, {"kind": form.text("kind")})
    if body.kind is JobKind.BACKUP:
        raise Problem(Refusal.invalid(("/kind", "A backup is started at its source group.")))
    job = await owners.ask_to_the_end(CreateJob(host_id=host_id, body=body))
    return acted(request, f"/jobs/{job.id}", f"{KINDS[body.kind]} of {job.host_name} is on its way.")


ROUTES = [host_page, start_job]

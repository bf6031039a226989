"""The list of jobs, newest first."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from litestar import get
from litestar.response import Template

from services.api.owners import Owners
from services.api.pages import wording
from services.api.pages.frame import FromUser, page
from services.api.pages.lists import Asked, ListQuery
from services.api.parsing import Given
from services.api.sessions import Sessions
from shared.asks.ask import Page
from shared.asks.fields import Text
from shared.asks.hosts import Host, ListHosts
from shared.asks.jobs import Job, ListJobs
from shared.vocabulary import JobKind, JobStatus, Role

SINCE = {
    "1h": ("the last hour", timedelta(hours=1)),
    "24h": ("the last 24 hours", timedelta(hours=24)),
    "7d": ("the last 7 days", timedelta(days=7)),
    "30d": ("the last 30 days", timedelta(days=30)),
}
SEVERAL = {
    "unfinished": [status for status in JobStatus if not status.finished],
    "waiting": [JobStatus.QUEUED, JobStatus.DISPATCHED],
}
"""Words for more than one status."""


class JobListQuery(ListQuery):
    """Which jobs the page shows; `host` is a name."""

    status: Asked[Text] = None
    kind: Asked[JobKind] = None
    host: Asked[Text] = None
    source_group_id: Asked[UUID] = None
    since: Asked[Text] = None

    @property
    def statuses(self) -> list[JobStatus]:
        """What the status means; a word that is none asks for all."""
        one = [JobStatus(self.status)] if self.status in set(JobStatus) else []
        return SEVERAL.get(self.status or "", one)


@get("/jobs", role=Role.VIEWER)
async def jobs_page(
    request: FromUser, owners: Given[Owners], sessions: Given[Sessions], asked: Given[JobListQuery]
) -> Template:
    """Show jobs, newest first."""
    host = await _host(owners, asked.host)
    unknown = asked.host is not None and host is None
    found = Page[Job](items=[]) if unknown else await owners.ask(_question(asked, host))
    context = {
        "jobs": found.items,
        "asked": asked,
        "unknown_host": unknown,
        "here": asked.address("/jobs", cursor=asked.cursor),
        "newest": asked.cursor and asked.address("/jobs"),
        "older": found.next_cursor and asked.address("/jobs", cursor=found.next_cursor),
        "every_group": asked.address("/jobs", source_group_id=None),
        "kinds": wording.KINDS,
        "statuses": [*SEVERAL, *(status.value for status in JobStatus)],
        "since": {key: words for key, (words, _) in SINCE.items()},
        "filtered": bool(asked.status or asked.kind or asked.host or asked.since or asked.source_group_id),
    }
    return page("jobs.html", request, sessions, context)


async def _host(owners: Owners, name: str | None) -> Host | None:
    if name is None:
        return None
    found = (await owners.ask(ListHosts(names=[name], limit=1))).items
    return found[0] if found else None


def _question(asked: JobListQuery, host: Host | None) -> ListJobs:
    span = SINCE.get(asked.since or "")
    return ListJobs(
        host_ids=[host.id] if host else [],
        kinds=[asked.kind] if asked.kind else [],
        statuses=asked.statuses,
        source_group_ids=[asked.source_group_id] if asked.source_group_id else [],
        since=datetime.now(UTC) - span[1] if span else None,
        limit=asked.limit,
        cursor=asked.cursor,
    )


ROUTES = [jobs_page]

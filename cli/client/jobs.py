"""`keepwatch jobs`: what ran, what runs, and run it now."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from cli.client import follow, screen
from cli.client.api import Api, Query
from cli.client.command import calls_api, lists, shows
from cli.client.inputs import PAST, one_of
from cli.client.names import NotFound, group_id, host_id, id_of, short
from shared.vocabulary import JobKind, JobStatus

TITLES = ("ID", "HOST", "GROUP", "KIND", "STATUS", "STARTED", "MESSAGE")
REPOSITORY_KINDS = {JobKind.FORGET, JobKind.PRUNE, JobKind.CHECK}


@click.group()
def jobs() -> None:
    """See jobs, run, follow and cancel them."""


def _row(job: dict[str, Any], at: datetime) -> Sequence[object]:
    started = screen.ago(job["started_at"], at)
    message = (job["message"] or "").partition("\n")[0]
    return short(job["id"]), job["host_name"], job["source_group_name"], job["kind"], job["status"], started, message


async def _job_id(api: Api, reference: str) -> str:
    return await id_of(api, "/jobs", reference, "job")


@jobs.command("list")
@click.option("--host", metavar="HOST", help="Only of this host.")
@click.option("--group", metavar="HOST/GROUP", help="Only of this source group.")
@click.option("--kind", "kinds", type=one_of(JobKind), multiple=True)
@click.option("--status", "statuses", type=one_of(JobStatus), multiple=True)
@click.option("--since", type=PAST, help="Made at this time or later, or in the last 24h, 7d …")
@click.option("--until", type=PAST, help="Made before this time.")
@lists(TITLES, _row, "No such jobs.")
async def list_(  # noqa: PLR0913  one per filter
    api: Api,
    *,
    host: str | None,
    group: str | None,
    kinds: Sequence[str],
    statuses: Sequence[str],
    since: str | None,
    until: str | None,
) -> tuple[str, Query]:
    """List jobs, newest first."""
    return "/jobs", {
        "host_id": await host_id(api, host) if host else None,
        "source_group_id": await group_id(api, group) if group else None,
        "kind": kinds,
        "status": statuses,
        "since": since,
        "until": until,
    }


@jobs.command()
@click.argument("job")
@shows(screen.page)
async def show(api: Api, *, job: str) -> Any:
    """Show one JOB."""
    return await api.get(f"/jobs/{await _job_id(api, job)}")


@jobs.command()
@click.argument("what", metavar="HOST/GROUP|HOST")
@click.option("--kind", type=one_of(JobKind), default=JobKind.BACKUP.value, show_default=True)
@click.option("--wait", is_flag=True, help="Follow it to its end; exit 1 if it fails.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@calls_api
async def run(api: Api, *, what: str, kind: str, wait: bool, as_json: bool) -> None:
    """Run a job now: the backup of one source group, or something about a host's repository.

    \b
    keepwatch jobs run web-01/mail --wait
    keepwatch jobs run web-01 --kind prune
    """  # noqa: D301  \b is click's, to keep the lines
    job = await _make(api, what, JobKind(kind))
    if wait:
        job = await follow.to_the_end(api, job)
    if as_json:
        screen.show_json(job)
    else:
        print(screen.clean(follow.sentence(job)))
    if wait and JobStatus(job["status"]) not in {JobStatus.SUCCEEDED, JobStatus.WARNING}:
        sys.exit(1)


async def _whole_host(api: Api, what: str, kind: JobKind) -> str:
    try:
        return await host_id(api, what)
    except NotFound:
        host = what.rpartition("/")[0]
        if not host:
            raise
        raise NotFound(f"A {kind} is about all of a host: write '{host}'.") from None


async def _make(api: Api, what: str, kind: JobKind) -> dict[str, Any]:
    job: dict[str, Any]
    if kind in REPOSITORY_KINDS:
        job = await api.post(f"/hosts/{await _whole_host(api, what, kind)}/jobs", {"kind": kind})
    else:
        job = await api.post(f"/source-groups/{await group_id(api, what)}/run")
    return job


@jobs.command()
@click.argument("job")
@shows(screen.page)
async def cancel(api: Api, *, job: str) -> Any:
    """Stop a JOB; what it says at its end counts, which may still be success."""
    return await api.post(f"/jobs/{await _job_id(api, job)}/cancel")


@jobs.command()
@click.argument("job")
@click.option("--follow", "-f", "following", is_flag=True, help="Go on until the job has ended.")
@calls_api
async def logs(api: Api, *, job: str, following: bool) -> None:
    """Print the log of a JOB."""
    await follow.log(api, await _job_id(api, job), following=following)

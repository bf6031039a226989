"""Decisions about jobs, hosts and time: pure, so that each can be read and tested by itself."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from services.jobs.model import End, Standing
from shared.vocabulary import AlertKind, ErrorClass, HostStatus, JobKind, JobStatus

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
CRON_FIELDS = 5
GRACE_WITHOUT_OFFLINE = timedelta(seconds=600)
LOST_AFTER_GRACE = timedelta(hours=1)
HELLO_OVERLAP = timedelta(seconds=60)
TIE = timedelta(microseconds=1)
LARGEST = 2**63


def moment(claimed: datetime) -> datetime:
    """A claimed time as UTC that can be reckoned with: clocks lie, also absurdly."""
    try:
        return min(max(claimed.astimezone(UTC), EARLIEST), LATEST)
    except OverflowError:
        return EARLIEST if claimed.year < EARLIEST.year else LATEST


def evidence_at(received: datetime, end: End) -> datetime:
    """When a job ended by our clock: the teller's clock error is taken out, and nothing ends after we heard of it."""
    if end.as_of is not None:
        return min(received, end.as_of)
    sent = moment(end.sent_at) if end.sent_at else received
    finished = moment(end.finished_at) if end.finished_at else sent
    try:
        corrected = finished + (received - sent)
    except OverflowError:
        corrected = received if received > sent else EARLIEST
    return max(min(received, corrected), EARLIEST)


def in_array_order(times: Iterable[tuple[Any, datetime]]) -> list[datetime]:
    """Times of reports in array order, as (what it is about, when): equal ones move 1 µs apart, the last stays.

    Moving back keeps every time behind us; moving only what is about the same keeps others where they were.
    """
    taken: set[tuple[Any, datetime]] = set()
    apart = []
    for about, at in reversed(list(times)):
        free = at
        while (about, free) in taken:
            free -= TIE
        taken.add((about, free))
        apart.append(free)
    return apart[::-1]


def takes(standing: Standing, end: End) -> bool:
    """Whether this end is the job's: the first one is, and the agent's word replaces what was only presumed."""
    return not standing.status.finished or (standing.presumed and not end.presumed)


def lost(job_id: UUID, last_sign_at: datetime, message: str) -> End:
    """The end of a job that nobody will tell us of: presumed, as of the last sign of life of its agent."""
    return End(
        job_id=job_id,
        status=JobStatus.FAILED,
        error_class=ErrorClass.AGENT_LOST,
        message=message,
        finished_at=last_sign_at,
        as_of=last_sign_at,
        presumed=True,
    )


def schedule_problems(cron: str, timezone: str) -> list[tuple[str, str]]:
    """What is wrong with a schedule's time, as pointers and sentences."""
    problems = []
    if timezone not in _timezones():
        problems.append(("/timezone", "is not the name of a timezone, such as 'Europe/Berlin'"))
    if problem := _cron_problem(cron):
        problems.append(("/cron", problem))
    return problems


@cache
def _timezones() -> frozenset[str]:
    # Debian's link to the machine's own timezone stands among the others and is another one on every machine.
    return frozenset(available_timezones() - {"localtime"})


def _cron_problem(cron: str) -> str | None:
    if len(cron.split()) != CRON_FIELDS:
        return "must have five fields: minute, hour, day of month, month, day of week"
    try:
        next(CronSim(cron, EARLIEST))
    except CronSimError as error:
        return f"is not a cron expression: {str(error).lower()}"
    except StopIteration:
        return "never comes true"
    except (ValueError, TypeError, AssertionError, RecursionError):
        return "is not a cron expression"
    return None


def next_run(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The first time after `after` at which the cron expression is true on that timezone's clocks; null: never.

    As Debian's cron does it: a time that the clocks skip fires right after the skip, one that they repeat fires once.
    """
    try:
        times = CronSim(cron, after.astimezone(ZoneInfo(timezone)))
        # Within a repeated hour it begins with the hour's first pass, which is over.
        return next(at for at in (time.astimezone(UTC) for time in times) if at > after)
    except (StopIteration, CronSimError, ZoneInfoNotFoundError):
        # It was judged when it was written; a timezone may be gone since, and must not hold up other schedules.
        return None


def next_runs(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """The first so many runs after this time; fewer when there are no more."""
    runs: list[datetime] = []
    while len(runs) < count and (following := next_run(cron, timezone, runs[-1] if runs else after)):
        runs.append(following)
    return runs


def waiting(status: JobStatus, host: HostStatus, last_seen_at: datetime | None) -> str | None:
    """What a job that waits for its agent says."""
    if status not in {JobStatus.QUEUED, JobStatus.DISPATCHED} or host is HostStatus.ONLINE:
        return None
    if last_seen_at is None:
        return "waiting for the agent, which has never connected"
    return f"waiting for the agent, offline since {last_seen_at:%Y-%m-%d %H:%M:%S} UTC"


def size(told: str | None) -> int | None:
    """How many bytes a summary says, in JSON; null for anything else that somebody may have put there."""
    try:
        found = json.loads(told) if told else None
    except ValueError:  # a number of thousands of digits
        return None
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < LARGEST else None


def why_not_to_run(kind: JobKind, *, engine: str | None, paths: int, repository: bool, retentions: int) -> str | None:
    """Why a job can't be made now; null when it can."""
    if kind is JobKind.BACKUP and paths == 0:
        return "The source group has no paths: it is known from reports only. Give it paths to run it."
    if engine != "command" and not repository:
        return "The host has no repository. Give it one first."
    if kind is JobKind.FORGET and retentions == 0:
        return "No source group of the host has a retention, so there is nothing to forget."
    return None


SYNTHETIC_KINDS = {
    AlertKind.BACKUP_FAILED: (JobKind.BACKUP, JobStatus.FAILED),
    AlertKind.BACKUP_WARNING: (JobKind.BACKUP, JobStatus.WARNING),
    AlertKind.CHECK_FAILED: (JobKind.CHECK, JobStatus.FAILED),
    AlertKind.FORGET_FAILED: (JobKind.FORGET, JobStatus.FAILED),
    AlertKind.PRUNE_FAILED: (JobKind.PRUNE, JobStatus.FAILED),
}
"""The job that raises an alert of this kind."""

"""The fleet at a glance."""

import asyncio

from services.jobs.answers import hosts
from services.jobs.desk import Desk
from services.jobs.queries import fleet as queries
from shared.asks import fleet as asks
from shared.asks.hosts import ListHosts
from shared.clock import utc_now
from shared.refusal import Refusal
from shared.vocabulary import JobStatus


async def show(desk: Desk, ask: asks.ShowFleet) -> asks.Fleet | Refusal:
    """A page of hosts with a month of each of their groups."""
    page = await hosts.list_by_name(desk, ListHosts(q=ask.q, labels=ask.labels, limit=ask.limit, cursor=ask.cursor))
    if isinstance(page, Refusal):
        return page
    today, ids = utc_now().date(), [host.id for host in page.items]
    groups, runs = await asyncio.gather(queries.groups(desk.pool, ids, today), queries.next_runs(desk.pool, ids))
    found = [
        asks.FleetHost(host=host, next_run=runs.get(host.id), groups=groups.get(host.id, [])) for host in page.items
    ]
    return asks.Fleet(items=found, next_cursor=page.next_cursor, today=today)


async def standings(desk: Desk, ask: asks.TellStandings) -> list[asks.Standing]:
    """When each group of these hosts was last saved."""
    return await queries.standings(desk.pool, ask.after, asks.MOST_STANDINGS)


async def count(desk: Desk, _: asks.CountFleet) -> asks.FleetCounts:
    """How many hosts and jobs are in which state."""
    statuses, unfinished = await asyncio.gather(
        queries.hosts_by_status(desk.pool), queries.unfinished_by_status(desk.pool)
    )
    waiting = unfinished[JobStatus.QUEUED] + unfinished[JobStatus.DISPATCHED]
    return asks.FleetCounts(hosts=statuses, running=unfinished[JobStatus.RUNNING], waiting=waiting)

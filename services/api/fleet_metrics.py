"""`/api/v1/metrics`: how every host and source group stands, for a monitoring system that may read it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.api.owners import Owners
from services.api.parsing import Given
from shared.asks.fleet import MOST_STANDINGS, Standing, TellStandings
from shared.vocabulary import HostStatus, Role


@get("/metrics", role=Role.VIEWER)
async def fleet_metrics(owners: Given[Owners]) -> Response[bytes]:
    """Show when each source group was last saved, and which hosts are there, in Prometheus' format."""
    found = [standing async for standing in _standings(owners)]
    text = await asyncio.to_thread(_written, found)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _standings(owners: Owners) -> AsyncIterator[Standing]:
    after = TellStandings().after
    while True:
        page = await owners.ask(TellStandings(after=after))
        for standing in page:
            yield standing
        if len(page) < MOST_STANDINGS:
            return
        after = page[-1].id


def _written(standings: list[Standing]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fleet(standings))
    return generate_latest(registry)


class _Fleet(Collector):
    """The metrics of these hosts."""

    def __init__(self, standings: list[Standing]) -> None:
        self._standings = standings

    def collect(self) -> Iterator[Metric]:
        """Every sample: of what is not known there is none."""
        success = GaugeMetricFamily(
            "keepwatch_backup_last_success_timestamp_seconds",
            "When a snapshot of the source group was last saved",
            labels=["host", "source_group"],
        )
        created = GaugeMetricFamily(
            "keepwatch_source_group_created_timestamp_seconds",
            "When the source group was made known: what one that was never saved is measured by",
            labels=["host", "source_group"],
        )
        online = GaugeMetricFamily("keepwatch_host_online", "Whether the host's agent is connected", labels=["host"])
        seen = GaugeMetricFamily(
            "keepwatch_host_last_seen_timestamp_seconds", "When the host's agent was last heard", labels=["host"]
        )
        for each in self._standings:
            online.add_metric([each.host], each.status is HostStatus.ONLINE)
            if each.last_seen_at:
                seen.add_metric([each.host], each.last_seen_at.timestamp())
            for name, group in each.groups.items():
                created.add_metric([each.host, name], group.created_at.timestamp())
                if group.last_success_at:
                    success.add_metric([each.host, name], group.last_success_at.timestamp())
        yield from (success, created, online, seen)


ROUTES = [fleet_metrics]

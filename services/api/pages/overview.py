"""The first page: what is wrong now, and how the fleet does."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from litestar import get
from litestar.response import Template

from services.api.owners import SECONDARY_SECONDS, Owners
from services.api.pages import strips
from services.api.pages.frame import FromUser, page
from services.api.parsing import Address, Given
from services.api.sessions import Sessions
from services.api.settings import Settings
from shared.asks.alerts import MOST_COUNTED, CountAlerts, FindTrouble, Trouble, WorstFirst
from shared.asks.channels import Channel, GetChannelsHealth, ListChannels
from shared.asks.fields import Text
from shared.asks.fleet import CountFleet, Fleet, FleetGroup, FleetHost, ShowFleet
from shared.refusal import Refusal
from shared.vocabulary import Role

MOST_WRONG = 8
HOSTS = 25
MOST_CHANNELS = 200
WRONG_QUERY = 422
Part = Literal["wrong", "counts", "fleet"]
LEGEND = [(word, outcome, strips.bar(outcome)) for outcome, word in strips.WORDS.items()]


class OverviewQuery(Address):
    """Which hosts the page shows; `part`: only this part of it, for a live page."""

    q: Text | None = None
    label: list[Text] = []
    cursor: Text | None = None
    part: Part | None = None

    @property
    def labels(self) -> list[str]:
        """The labels that were filled in."""
        return [label.strip() for label in self.label if label.strip()]

    def address(self, **changes: Any) -> str:
        """The page's own address, with these changes; null leaves out."""
        given = {"q": self.q or None, "label": self.labels, "cursor": self.cursor, **changes}
        return "/?" + urlencode({name: value for name, value in given.items() if value}, doseq=True)


@dataclass(frozen=True)
class GroupRow:
    """A source group as it is shown."""

    group: FleetGroup
    strip: strips.Strip
    trend: strips.Trend | None
    trouble: Trouble | None


@dataclass(frozen=True)
class HostRow:
    """A host as it is shown; `trouble` is what is of no group."""

    shown: FleetHost
    groups: list[GroupRow]
    trouble: Trouble | None


@get("/", role=Role.VIEWER)
async def overview_page(
    request: FromUser,
    owners: Given[Owners],
    sessions: Given[Sessions],
    settings: Given[Settings],
    asked: Given[OverviewQuery],
) -> Template:
    """Show what is wrong now, the counts, and a page of hosts with their last 30 days."""
    parts: list[Part] = [asked.part] if asked.part else list(LOADERS)
    loaded = await asyncio.gather(*(LOADERS[part](owners, asked) for part in parts))
    context = {"parts": parts, "asked": asked, "demo": settings.demo, "legend": LEGEND, "problems": {}}
    for found in loaded:
        context |= found
    return page("overview.html", request, sessions, context, status=WRONG_QUERY if context["problems"] else 200)


async def _wrong(owners: Owners, _: OverviewQuery) -> dict[str, Any]:
    found = await owners.ask_secondary(WorstFirst(limit=MOST_WRONG + 1))
    return {"wrong": None if found is None else found[:MOST_WRONG], "more_wrong": len(found or []) > MOST_WRONG}


async def _counts(owners: Owners, _: OverviewQuery) -> dict[str, Any]:
    counting = owners.ask_secondary(CountFleet()), owners.ask_secondary(CountAlerts()), _unheard(owners)
    fleet, alerts, unheard = await asyncio.gather(*counting)
    return {"fleet_counts": fleet, "alert_counts": alerts, "unheard": unheard, "most_counted": MOST_COUNTED}


async def _unheard(owners: Owners) -> list[tuple[Channel, str]]:
    """Channels that should be told and are not, with the reason: who looks here would not hear of it otherwise."""
    found = await owners.ask_secondary(ListChannels(limit=MOST_CHANNELS))
    channels = found.items if found else []
    enabled = [channel.id for channel in channels if channel.enabled]
    told = (await owners.ask_secondary(GetChannelsHealth(ids=enabled)) or []) if enabled else []
    failing = {health.channel_id: health.last_error or "" for health in told if health.failed}
    return [
        (channel, channel.disabled_reason or failing.get(channel.id, ""))
        for channel in channels
        if channel.disabled_reason or channel.id in failing
    ]


async def _fleet(owners: Owners, asked: OverviewQuery) -> dict[str, Any]:
    question = ShowFleet(q=asked.q or None, labels=asked.labels, limit=HOSTS, cursor=asked.cursor)
    found = await owners.answer_or_refusal(question, SECONDARY_SECONDS)
    if isinstance(found, Refusal):
        wrong = found.errors if found.status == WRONG_QUERY else []
        return {"fleet": None, "problems": {error.pointer.strip("/"): error.detail for error in wrong}}
    trouble = await owners.ask_secondary(FindTrouble(host_ids=[shown.host.id for shown in found.items]))
    return {"fleet": found, "rows": _rows(found, trouble or []), "trouble_known": trouble is not None}


def _rows(fleet: Fleet, trouble: list[Trouble]) -> list[HostRow]:
    places: dict[tuple[UUID, UUID | None], Trouble] = {(each.host_id, each.source_group_id): each for each in trouble}
    return [
        HostRow(
            shown,
            [
                GroupRow(
                    group,
                    strips.strip(group.days, fleet.today),
                    strips.trend(group.sizes),
                    places.get((shown.host.id, group.id)),
                )
                for group in shown.groups
            ],
            places.get((shown.host.id, None)),
        )
        for shown in fleet.items
    ]


LOADERS: dict[Part, Callable[[Owners, OverviewQuery], Awaitable[dict[str, Any]]]] = {
    "wrong": _wrong,
    "counts": _counts,
    "fleet": _fleet,
}
"""What each part of the page needs."""
ROUTES = [overview_page]

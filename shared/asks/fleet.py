"""The fleet at a glance: a month of every source group, hosts and jobs by state. Owned by jobs."""

from datetime import date
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.asks.ask import Ask, Page
from shared.asks.fields import Limit, Text
from shared.asks.hosts import Host
from shared.vocabulary import DayOutcome, HostStatus, JobKind

DAYS = 30
DAYS_PER_SIZE = 3
MOST_STANDINGS = 2000


class FleetGroup(BaseModel):
    """A source group and its last 30 days.

    `days` are UTC days, oldest first, the last one is today. `sizes` are bytes that the newest good backup of each
    three days read, oldest first; null where there was none, or where it did not say.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    last_success_at: AwareDatetime | None
    days: Annotated[list[DayOutcome], Field(min_length=DAYS, max_length=DAYS)]
    sizes: list[int | None]


class NextRun(BaseModel):
    """What runs next by a schedule, and when."""

    model_config = ConfigDict(frozen=True)

    kind: JobKind
    at: AwareDatetime


class FleetHost(BaseModel):
    """A host with its groups by name; `next_run` is null where no schedule is enabled."""

    model_config = ConfigDict(frozen=True)

    host: Host
    next_run: NextRun | None
    groups: list[FleetGroup]


class Fleet(Page[FleetHost]):
    """A page of the fleet; `today` is the day that every strip ends with."""

    today: date


class FleetCounts(BaseModel):
    """Hosts by status, and jobs that run or wait for their agent."""

    model_config = ConfigDict(frozen=True)

    hosts: dict[HostStatus, int]
    running: int
    waiting: int


class ShowFleet(Ask[Fleet]):
    """Hosts by name; `labels` are `key=value` and may repeat (or); `q` finds parts of names."""

    subject: ClassVar[str] = "ask.jobs.fleet.show"
    q: Text | None = None
    labels: list[Text] = []
    limit: Limit = 25
    cursor: str | None = None


class CountFleet(Ask[FleetCounts]):
    subject: ClassVar[str] = "ask.jobs.fleet.count"


class GroupStanding(BaseModel):
    """A source group as a monitoring system sees it."""

    model_config = ConfigDict(frozen=True)

    created_at: AwareDatetime
    last_success_at: AwareDatetime | None


class Standing(BaseModel):
    """A host as a monitoring system sees it; `groups` by their names."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    host: str
    status: HostStatus
    last_seen_at: AwareDatetime | None
    groups: dict[str, GroupStanding]


class TellStandings(Ask[list[Standing]]):
    """The hosts that come after this one by id, at most 2000: an answer shorter than that is the last."""

    subject: ClassVar[str] = "ask.jobs.fleet.standings"
    after: UUID = UUID(int=0)

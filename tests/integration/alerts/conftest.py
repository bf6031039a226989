"""A way to tell the alerts service what happened, and to see what it made of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.alerts import handlers
from services.alerts.answers import Answers
from shared.asks.alerts import Alert, GetAlert, JudgeEvidence, ListAlerts
from shared.events import HostDeleted, HostOffline, HostOnline, JobFinished, SourceGroupDeleted
from shared.migrate import migrate_database
from shared.vocabulary import ErrorClass, Evidence, JobKind, TerminalStatus

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


@dataclass
class Alerts:
    """One host called web-01, its groups, and minutes since the start as time."""

    pool: asyncpg.Pool
    host: UUID = field(default_factory=uuid4)
    groups: dict[str, UUID] = field(default_factory=dict)
    announced: int = 0

    def event(self, status: str, *, at: float = 0, group: str | None = "etc", **changes) -> JobFinished:
        """The end of a backup of a group, `at` minutes after the start."""
        group_id = self.groups.setdefault(group, uuid4()) if group else None
        when = START + timedelta(minutes=at)
        values = {
            "event_id": uuid4(),
            "job_id": uuid4(),
            "host_id": self.host,
            "host_name": "web-01",
            "kind": JobKind.BACKUP,
            "source_group_id": group_id,
            "source_group_name": group,
            "status": TerminalStatus(status),
            "message": f"{status} at {at}",
            "started_at": when,
            "finished_at": when,
            "evidence_at": when,
        }
        return JobFinished(**{**values, **changes})

    async def tell(self, *events) -> int:
        """Deliver events in one batch; how many transitions they made."""
        return await handlers.apply(self.pool, events)

    async def fails(self, group: str | None = "etc", at: float = 0, **changes) -> JobFinished:
        changes = {"error_class": ErrorClass.LOCKED} | changes
        event = self.event("failed", group=group, at=at, **changes)
        await self.tell(event)
        return event

    async def succeeds(self, group: str | None = "etc", at: float = 0, **changes) -> JobFinished:
        event = self.event("succeeded", group=group, at=at, **changes)
        await self.tell(event)
        return event

    async def warns(self, group: str | None = "etc", at: float = 0, **changes) -> JobFinished:
        event = self.event("warning", group=group, at=at, **changes)
        await self.tell(event)
        return event

    async def silent(self, at: float = 0) -> None:
        when = START + timedelta(minutes=at)
        await self.tell(
            HostOffline(
                event_id=uuid4(),
                host_id=self.host,
                host_name="web-01",
                version=1,
                evidence_at=when,
                silent_since=when - timedelta(minutes=10),
                offline_after_seconds=600,
            )
        )

    async def heard(self, at: float = 0) -> None:
        when = START + timedelta(minutes=at)
        await self.tell(
            HostOnline(event_id=uuid4(), host_id=self.host, host_name="web-01", version=2, evidence_at=when)
        )

    def group_deleted(self, group: str) -> SourceGroupDeleted:
        return SourceGroupDeleted(
            event_id=uuid4(),
            host_id=self.host,
            host_name="web-01",
            version=1,
            evidence_at=START,
            source_group_id=self.groups[group],
            source_group_name=group,
        )

    def host_deleted(self) -> HostDeleted:
        return HostDeleted(event_id=uuid4(), host_id=self.host, host_name="web-01", version=1, evidence_at=START)

    @property
    def answers(self) -> Answers:
        async def announce() -> None:
            self.announced += 1

        return Answers(self.pool, announce)

    async def all(self, **filters) -> list[Alert]:
        """All alerts, newest first."""
        return (await self.answers.list_alerts(ListAlerts(limit=200, **filters))).items

    async def open(self) -> list[Alert]:
        return await self.all(states=["unresolved"])

    async def only(self) -> Alert:
        """The one alert there is."""
        (alert,) = await self.all()
        return alert

    async def timeline(self, alert: Alert) -> list[str]:
        return [entry.type for entry in (await self.answers.get_alert(GetAlert(id=alert.id))).timeline]

    async def evidence(self, event: JobFinished) -> Evidence | None:
        return (await self.answers.judge_evidence(JudgeEvidence(job_ids=[event.job_id]))).get(event.job_id)

    async def told(self) -> list[str]:
        """Everything announced so far, in order."""
        rows = await self.pool.fetch("SELECT type FROM alerts.alert_event ORDER BY id")
        return [row["type"] for row in rows]


@pytest.fixture
def alerts(pool: asyncpg.Pool) -> Alerts:
    return Alerts(pool)


@pytest.fixture(scope="session")
def migrated_template(empty_database_of) -> str:
    """Only this service's schema: no service reads another's tables."""
    url = empty_database_of()
    migrate_database(url, ("alerts",))
    return urlsplit(url).path[1:]

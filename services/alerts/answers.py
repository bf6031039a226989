"""What the gateway may ask of alerts."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.alerts import handlers, rules
from services.alerts.dead_letters import DeadLetterAnswers
from services.alerts.model import Effect, Finding
from services.alerts.queries import audit, reads
from services.alerts.queries import changes as queries
from shared import cursor
from shared.asks.alerts import (
    MOST_COUNTED,
    Acknowledge,
    Alert,
    AlertCounts,
    AlertOfJob,
    AlertWithTimeline,
    BulkResults,
    CountAlerts,
    CountUnresolved,
    FindTrouble,
    GetAlert,
    HoldJobs,
    JudgeEvidence,
    ListAlerts,
    ListAlertsOfJob,
    ListTransitions,
    Resolve,
    TellEvents,
    TellOwnTrouble,
    Transition,
    Trouble,
    WorstFirst,
)
from shared.asks.ask import Ask, Page
from shared.db import Connection, Pool, in_transaction
from shared.refusal import Refusal
from shared.vocabulary import Evidence

MAX_EVENTS = 100


@dataclass(frozen=True)
class Answers:
    """Answers from the database; `announce` wakes the outbox after a click has been committed."""

    pool: Pool
    announce: Callable[[], Awaitable[None]]

    def all(self) -> Mapping[type[Ask[Any]], Callable[[Any], Awaitable[Any]]]:
        """Each question and who answers it."""
        return {
            **DeadLetterAnswers(self.pool, self.announce).all(),
            ListAlerts: self.list_alerts,
            GetAlert: self.get_alert,
            Acknowledge: self.acknowledge,
            Resolve: self.resolve,
            CountUnresolved: self.count_unresolved,
            WorstFirst: self.worst_first,
            CountAlerts: self.count_alerts,
            FindTrouble: self.find_trouble,
            ListAlertsOfJob: self.alerts_of_job,
            JudgeEvidence: self.judge_evidence,
            ListTransitions: self.list_transitions,
            HoldJobs: self.hold_jobs,
            TellEvents: self.tell_events,
            TellOwnTrouble: self.tell_own_trouble,
        }

    async def list_alerts(self, question: ListAlerts) -> Page[Alert] | Refusal:
        """A page of alerts, newest first."""
        before = cursor.decode_time_and_id(question.cursor)
        if isinstance(before, Refusal):
            return before
        async with self.pool.acquire() as connection:
            found = await reads.newest_first(
                connection,
                ids=question.ids,
                states=question.states,
                host_ids=question.host_ids,
                kinds=question.kinds,
                severities=question.severities,
                source_group_ids=question.source_group_ids,
                dedup_key=question.dedup_key,
                words=prefixes(question.q),
                before=before,
                limit=question.limit + 1,
            )
        return cursor.page(found, question.limit, lambda alert: (alert.first_seen_at.isoformat(), alert.id))

    async def get_alert(self, question: GetAlert) -> AlertWithTimeline | Refusal:
        """One alert with its timeline."""
        async with self.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            alert = await reads.one(connection, question.id)
            if alert is None:
                return Refusal.not_found("alert")
            entries = await reads.timeline(connection, question.id)
        return AlertWithTimeline(**alert.model_dump(), timeline=entries)

    async def acknowledge(self, question: Acknowledge) -> BulkResults:
        """Acknowledge; an alert that is resolved is a conflict, one that is acknowledged already is fine."""

        async def work(tx: Connection) -> tuple[int, BulkResults]:
            changed = await queries.acknowledge(tx, question.ids, question.actor, question.note)
            return changed, BulkResults(results=await queries.standing(tx, question.ids, resolved_status=409))

        return await self._told(await in_transaction(self.pool, work))

    async def resolve(self, question: Resolve) -> BulkResults:
        """Resolve; one that is resolved already is fine."""

        async def work(tx: Connection) -> tuple[int, BulkResults]:
            changed = await queries.resolve_by_hand(tx, question.ids, question.actor, question.note)
            return changed, BulkResults(results=await queries.standing(tx, question.ids, resolved_status=204))

        return await self._told(await in_transaction(self.pool, work))

    async def _told(self, done: tuple[int, BulkResults]) -> BulkResults:
        changed, results = done
        if changed:
            await self.announce()
        return results

    async def count_unresolved(self, question: CountUnresolved) -> dict[UUID, int]:
        """Unresolved alerts per host."""
        async with self.pool.acquire() as connection:
            return await reads.unresolved_by_host(connection, question.host_ids)

    async def worst_first(self, question: WorstFirst) -> list[Alert]:
        """The worst of what is unresolved."""
        async with self.pool.acquire() as connection:
            return await reads.worst_first(connection, question.limit)

    async def count_alerts(self, _: CountAlerts) -> AlertCounts:
        """Unresolved alerts by severity and state."""
        async with self.pool.acquire() as connection:
            return await reads.count_in_line(connection, MOST_COUNTED)

    async def find_trouble(self, question: FindTrouble) -> list[Trouble]:
        """What is wrong at some hosts."""
        async with self.pool.acquire() as connection:
            return await reads.trouble_of(connection, question.host_ids)

    async def alerts_of_job(self, question: ListAlertsOfJob) -> list[AlertOfJob]:
        """What the end of a job did to which alert."""
        counts_on = rules.counts_on(question.kind, question.status)
        key = str(question.source_group_id or "")
        async with self.pool.acquire() as connection:
            return await reads.alerts_of_job(
                connection, question.job_id, question.host_id, counts_on, key, question.created_at
            )

    async def judge_evidence(self, question: JudgeEvidence) -> dict[UUID, Evidence]:
        """What the ends of jobs did."""
        async with self.pool.acquire() as connection:
            return await reads.evidence_of(connection, question.job_ids)

    async def list_transitions(self, question: ListTransitions) -> list[Transition]:
        """What has happened to alerts, for whoever looks whether people were told."""
        async with self.pool.acquire() as connection:
            return await audit.transitions(connection, question)

    async def hold_jobs(self, question: HoldJobs) -> list[UUID]:
        """Which jobs people may still come to from an alert."""
        async with self.pool.acquire() as connection:
            return await reads.jobs_of_unresolved(connection, question.job_ids)

    async def tell_events(self, question: TellEvents) -> list[str]:
        """Events that somebody missed."""
        async with self.pool.acquire() as connection:
            return await reads.events_after(connection, question.alert_id, question.after, MAX_EVENTS)

    async def tell_own_trouble(self, told: TellOwnTrouble) -> None:
        """What is wrong, or right again, with Keepwatch itself; judged like what hosts say, and once."""

        async def work(tx: Connection) -> Effect:
            if not await queries.receive(tx, [told.event_id]):
                return Effect(repeated=1)
            if told.over:
                finding: Finding = rules.own_recovery(told.kind, told.dedup_key, told.at)
            else:
                finding = rules.own_trouble(told.kind, told.dedup_key, told.name, told.message, told.at)
            return Effect(fresh=1) + await handlers.weigh_own(tx, finding)

        if handlers.count(await in_transaction(self.pool, work)):
            await self.announce()


def prefixes(q: str | None) -> str | None:
    """A tsquery that finds every word of `q` as the beginning of a word; None when there is none to look for."""
    words = re.findall(r"[^\W_]+", q.lower()) if q else []
    return " & ".join(f"'{word}':*" for word in words) or None

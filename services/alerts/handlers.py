"""From events to alerts: one transaction per batch, a few statements whatever the batch's size."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID, uuid4

import structlog
from prometheus_client import Counter

from services.alerts import rules
from services.alerts.model import Clear, Effect, Finding, Key, Marks, Raise
from services.alerts.queries import changes as queries
from shared.db import Connection, Pool, in_transaction
from shared.events import Event, HostDeleted, HostOffline, HostOnline, JobFinished, SourceGroupDeleted
from shared.vocabulary import Evidence, Resolution

log = structlog.get_logger()
EVENTS = Counter("keepwatch_evidence", "Events that came in; repeated ones have no effect", ["news"])
TOUCHES = Counter("keepwatch_alert_touches", "Failures that counted on an open alert and told nobody")
TRANSITIONS = Counter("keepwatch_alert_transitions", "Alerts raised or resolved by evidence; all else only counted")
Deletion = HostDeleted | SourceGroupDeleted
CONSUMED: dict[str, type[Event]] = {
    event.subject: event for event in (JobFinished, HostOffline, HostOnline, HostDeleted, SourceGroupDeleted)
}


def decode(subject: str, payload: bytes) -> Event:
    """The event that came under this subject; ValueError or KeyError when it is none."""
    return CONSUMED[subject].model_validate_json(payload)


async def apply(pool: Pool, events: Sequence[Event]) -> int:
    """Have the effect of these events, each once, in the order they came; how many transitions they made."""
    return count(await in_transaction(pool, lambda tx: apply_within(tx, events)))


def count(effect: Effect) -> int:
    """Count, for Prometheus, what has been committed; how many transitions it was."""
    EVENTS.labels("repeated").inc(effect.repeated)
    EVENTS.labels("fresh").inc(effect.fresh)
    TRANSITIONS.inc(effect.transitions)
    TOUCHES.inc(effect.touches)
    return effect.transitions


async def apply_within(tx: Connection, events: Sequence[Event]) -> Effect:
    """The same as part of a transaction; `count` it when that is committed."""
    fresh = await queries.receive(tx, [event.event_id for event in events])
    todo = _once(events, fresh)
    effect = Effect(fresh=len(fresh), repeated=len(events) - len(fresh))
    if any(isinstance(event, Deletion) for event in todo):
        await queries.exclude_evidence(tx)
    else:
        await queries.share_with_deletions(tx)
    for run in _runs(todo):
        effect += await (_bury(tx, run) if isinstance(run[0], Deletion) else _weigh(tx, run))
    log.debug("events applied", events=len(events), repeated=effect.repeated, transitions=effect.transitions)
    return effect


async def weigh_own(tx: Connection, finding: Finding) -> Effect:
    """Judge what is known of Keepwatch itself against the marks of its key, as evidence of hosts is."""
    return await _change(tx, {finding.key: [(uuid4(), finding)]}, defaultdict(list))


def _once(events: Sequence[Event], fresh: set[UUID]) -> list[Event]:
    """The events that count, each once although a batch may hold it twice."""
    return list({event.event_id: event for event in events if event.event_id in fresh}.values())


def _runs(events: Sequence[Event]) -> list[list[Event]]:
    """Neighbours of one sort together: evidence is weighed at once, up to the next deletion."""
    runs: list[list[Event]] = []
    for event in events:
        if runs and isinstance(runs[-1][0], Deletion) == isinstance(event, Deletion):
            runs[-1].append(event)
        else:
            runs.append([event])
    return runs


async def _bury(tx: Connection, deletions: Sequence[Event]) -> Effect:
    changed = 0
    for deletion in deletions:
        if isinstance(deletion, SourceGroupDeleted):
            group, host = deletion.source_group_id, deletion.host_id
            changed += await queries.resolve_deleted(tx, group, host, Resolution.SOURCE_DELETED)
        elif isinstance(deletion, HostDeleted):
            host = deletion.host_id
            changed += await queries.resolve_deleted(tx, host, host, Resolution.HOST_DELETED)
    return Effect(changed)


async def _weigh(tx: Connection, events: Sequence[Event]) -> Effect:
    """Judge evidence against the marks of its keys, and change the alerts accordingly."""
    gone = await queries.tombstones(tx, _subjects(events))
    found = {event.event_id: [] if _is_about(event, gone) else _findings(event) for event in events}
    by_key: dict[Key, list[tuple[UUID, Finding]]] = defaultdict(list)
    for event_id, findings in found.items():
        for finding in findings:
            by_key[finding.key].append((event_id, finding))
    outcomes: dict[UUID, list[Evidence]] = defaultdict(list)
    effect = await _change(tx, by_key, outcomes) if by_key else Effect()
    await _note(tx, events, gone, outcomes)
    return effect


async def _change(
    tx: Connection, by_key: dict[Key, list[tuple[UUID, Finding]]], outcomes: dict[UUID, list[Evidence]]
) -> Effect:
    before = await queries.move_marks(tx, {key: _newest(pairs) for key, pairs in by_key.items()})
    plans = []
    for key, pairs in by_key.items():
        judgement = rules.judge(before[key], [finding for _, finding in pairs])
        for (event_id, _), outcome in zip(pairs, judgement.outcomes, strict=True):
            outcomes[event_id].append(outcome)
        plans.append(judgement.changes)
    effect = Effect()
    # A key whose batch holds failure, success and failure again takes three rounds; nearly every batch takes one.
    for turn in range(max(map(len, plans))):
        changes = [plan[turn] for plan in plans if turn < len(plan)]
        effect += await _save(tx, changes)
    return effect


async def _save(tx: Connection, changes: Sequence[Raise | Clear]) -> Effect:
    effect = Effect()
    if raises := [change for change in changes if isinstance(change, Raise)]:
        raised = await queries.raise_or_touch(tx, raises)
        effect += Effect(raised, sum(change.occurrences for change in raises) - raised)
    if clears := [change for change in changes if isinstance(change, Clear)]:
        effect += Effect(await queries.resolve_cleared(tx, clears))
    return effect


async def _note(tx: Connection, events: Sequence[Event], gone: set[UUID], outcomes: dict[UUID, list[Evidence]]) -> None:
    judged = {
        event.job_id: _late_if_any(event) if _is_about(event, gone) else rules.overall(outcomes[event.event_id])
        for event in events
        if isinstance(event, JobFinished) and event.job_id
    }
    if judged:
        await queries.note_evidence(tx, judged)


def _late_if_any(event: JobFinished) -> Evidence:
    """What evidence about something gone did; the end of a job that is no evidence is not late either."""
    return Evidence.LATE if rules.findings(event) else Evidence.NONE


def _findings(event: Event) -> list[Finding]:
    match event:
        case JobFinished():
            return rules.findings(event)
        case HostOffline():
            return [rules.host_silent(event)]
        case HostOnline():
            return [rules.host_heard(event)]
        case _:
            raise TypeError(f"{event.subject} is no evidence")


def _newest(pairs: Sequence[tuple[UUID, Finding]]) -> Marks:
    marks = Marks(rules.NEVER, rules.NEVER)
    for _, finding in pairs:
        marks = rules.moved(marks, finding)
    return marks


def _subjects(events: Sequence[Event]) -> list[UUID]:
    subjects: set[UUID] = set()
    for event in events:
        if isinstance(event, JobFinished | HostOffline | HostOnline):
            subjects.add(event.host_id)
        if isinstance(event, JobFinished) and event.source_group_id:
            subjects.add(event.source_group_id)
    return list(subjects)


def _is_about(event: Event, gone: set[UUID]) -> bool:
    if isinstance(event, JobFinished) and event.source_group_id in gone and not event.synthetic:
        return True
    return isinstance(event, JobFinished | HostOffline | HostOnline) and event.host_id in gone

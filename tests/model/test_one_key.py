"""One key from a thousand sides: whatever happens, in whatever order, whoever dies, the alerts tell the model's story.

Two replicas of each service on a real PostgreSQL and a real NATS. Their statements are interleaved as an example says,
so a counterexample is a script: Hypothesis prints the shortest one that it finds, and the next run repeats it.
"""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from nats.aio.msg import Msg

from services.notifier import handlers
from services.notifier.model import Claimed
from shared import pull
from tests.model.expected import MEANING, Alert, Deleted, Ended, Fleet, Key
from tests.model.stage import Actor, Death, play
from tests.model.world import REPLICAS, Call, Hands, Seen, World

CHECKED = settings(
    max_examples=50,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
PROFILES = {
    "default": CHECKED,
    "soak": settings(CHECKED, max_examples=int(os.environ.get("N", "2000")), stateful_step_count=60, derandomize=False),
}


@dataclass(frozen=True)
class Consume:
    """Replica takes at most so many events and applies them as one batch."""

    most: int


@dataclass(frozen=True)
class Click:
    """A person acknowledges or resolves one of the alerts there were before."""

    what: str
    nth: int
    actor: str
    note: str | None


@dataclass(frozen=True)
class Publish:
    """A relay publishes what is in the outbox."""


@dataclass(frozen=True)
class Notify:
    """The notifier takes at most so many alert events and fans them out as one batch, perhaps to send what it can."""

    most: int
    at_once: bool


@dataclass(frozen=True)
class Deliver:
    """The notifier sends what it holds, and at most so many that it claims; the receiver says yes or no, in turn."""

    most: int
    answers: tuple[bool, ...]


@dataclass(frozen=True)
class Wait:
    """Time passes until all leases are over; whoever is between two statements was as slow as that."""


Job = Consume | Click | Publish | Notify | Deliver | Wait


@dataclass
class Effect:
    """What a job that was committed did, in the words of the model, and the answer that somebody got."""

    evidence: Sequence[Ended | Deleted] = ()
    click: tuple[str, Key, int, str, str | None] | None = None
    answer: object = None

    def happens(self, fleet: Fleet) -> bool:
        """Whether whoever asked was answered as this says."""
        for event in self.evidence:
            fleet.hear(event)
        if self.click is None:
            return True
        what, *about = self.click
        return self.answer in {None, getattr(fleet, what)(*about)}


STATUSES = st.sampled_from(list(MEANING))
LATER = st.integers(-2, 3)
"""Than the newest evidence so far, in microseconds: close enough for ties."""
ERRORS = st.sampled_from(["locked", "wrong_password"])
NTH = st.integers(0, 5)
ACTORS = st.sampled_from(["ada", "bob"])
NOTES = st.sampled_from([None, "mine"])
CLICKS = st.builds(Click, st.sampled_from(["acknowledge", "resolve"]), NTH, ACTORS, NOTES)
DELIVERIES = st.builds(
    Deliver, st.integers(1, 4), st.lists(st.booleans(), min_size=1, max_size=3).map(tuple) | st.just((True,))
)
NOTIFIES = st.builds(Notify, st.integers(1, 4), st.booleans())
JOBS = st.one_of(
    st.builds(Consume, st.integers(1, 4)),
    CLICKS,
    st.just(Publish()),
    NOTIFIES,
    DELIVERIES,
    st.just(Wait()),
)
DEATHS = st.none() | st.builds(Death, st.integers(0, 9), st.booleans())
ORDER = st.sampled_from([[0], [0, 1], [0, 1, 1], [0, 1, 2]]) | st.lists(st.integers(0, 2), max_size=12)
"""Whose turn it is, over and over: one after the other, in step, or anyhow."""
TWO_DEATHS = st.tuples(DEATHS, DEATHS)
TWO_NOTIFY = st.tuples(NOTIFIES, NOTIFIES)
NEWS = st.lists(
    st.tuples(st.sampled_from(["failed", "succeeded", "warning", "deleted"]), LATER), min_size=2, max_size=4
)


class OneKey(RuleBasedStateMachine):
    """What can happen to one source group; when it is deleted, another follows on the same host or a new one."""

    def __init__(self, runner: asyncio.Runner, world: World) -> None:
        super().__init__()
        self.run, self.world = runner.run, world
        self.host, self.group = uuid4(), uuid4()
        self.said: list[Ended | Deleted] = []
        self.by_id: dict[UUID, Ended | Deleted] = {}
        self.groups = [(self.host, self.group)]
        self.newest = 2
        self.waiting = 0
        """Evidence in the stream that is not acknowledged."""
        self.announced_and_done = 0
        self.held: list[list[Claimed]] = [[] for _ in range(REPLICAS)]
        """By replica: what it has claimed and not sent."""
        self.excused: set[tuple[UUID, int]] = set()
        """Versions of alerts that may be told again: who called did not record it, or not within the lease."""
        self.fleet = Fleet()
        self.marks: dict = {}
        self.taken_in: dict[UUID, set[int]] = defaultdict(set)
        """By alert: versions that the notifier has committed."""
        self.run(world.forget())
        self.seen = self.run(world.look())
        self.sound = True

    # What happens in the world

    @rule(status=STATUSES, later=LATER, error=ERRORS, ago=st.integers(0, 2), consumed=st.booleans())
    def a_backup_ends(self, status, later, error, ago, consumed):
        """Perhaps one of a group that is no longer there."""
        host, group = self.groups[max(0, len(self.groups) - 1 - ago)]
        self._publish(self._ended(status, later, error, host, group))
        if consumed:
            self._together([(Consume(self.waiting), None)])

    @rule(nths=st.lists(st.integers(0, 20), min_size=1, max_size=4))
    def events_are_told_again(self, nths):
        for nth in nths:
            if self.said:
                self._do(self._tell(self.said[-1 - nth % len(self.said)], again=True))

    @rule(host=st.booleans(), consumed=st.booleans())
    def the_group_is_deleted(self, host, consumed):
        """Perhaps with its host."""
        self._delete(host=host)
        if consumed:
            self._together([(Consume(self.waiting), None)])

    @rule(click=CLICKS)
    def somebody_clicks(self, click):
        self._together([(click, None)])

    @rule(jobs=st.lists(st.tuples(JOBS, DEATHS), min_size=1, max_size=3), order=ORDER)
    def replicas_work_at_once(self, jobs, order):
        self._together(jobs, order)

    @rule(news=NEWS, first=st.integers(1, 4), deaths=TWO_DEATHS, order=ORDER)
    def two_replicas_share_the_evidence(self, news, first, deaths, order):
        for status, later in news:
            if status == "deleted":
                self._delete(host=False)
            else:
                self._publish(self._ended(status, later, "locked", self.host, self.group))
        first = min(first, self.waiting)
        self._together([(Consume(first), deaths[0]), (Consume(self.waiting - first), deaths[1])], order)

    @rule(relay=DEATHS, notified=TWO_NOTIFY, deaths=TWO_DEATHS, order=ORDER, sent=st.none() | DELIVERIES)
    def two_replicas_share_the_announcements(self, relay, notified, deaths, order, sent):
        """And perhaps one of them sends before anything else happens."""
        self._together([(Publish(), relay)])
        self._together(list(zip(notified, deaths, strict=True)), order)
        if sent:
            self._together([(sent, None)])

    @rule(one=DELIVERIES, other=DELIVERIES, deaths=TWO_DEATHS, waits=st.booleans(), order=ORDER)
    def two_replicas_share_the_deliveries(self, one, other, deaths, waits, order):
        """And leases may be over at any moment."""
        self._together([(one, deaths[0]), (other, deaths[1]), *[(Wait(), None)] * waits], order)

    @rule()
    def time_passes(self):
        """Whoever holds deliveries may find that they are somebody else's now."""
        self._together([(Wait(), None)])

    @rule()
    def everything_comes_to_rest(self):
        self._rest()

    def teardown(self):
        if self.sound:
            self._rest()

    # How it is done to the system

    def _ended(self, status, later, error, host, group) -> Ended:
        at = self.newest + later
        self.newest = max(self.newest, at)
        return Ended(uuid4(), host, group, status, at, error if status in {"failed", "warning"} else None)

    def _delete(self, *, host: bool) -> None:
        self._publish(Deleted(uuid4(), self.host, None if host else self.group))
        self.host, self.group = uuid4() if host else self.host, uuid4()
        self.groups.append((self.host, self.group))

    def _publish(self, event: Ended | Deleted) -> None:
        self._do(self._tell(event, again=False))

    async def _tell(self, event: Ended | Deleted, *, again: bool) -> None:
        await self.world.publish(event, again=again)
        self.waiting += 1
        if not again:
            self.said.append(event)
            self.by_id[event.event_id] = event

    def _do(self, work):
        self.sound = False
        result = self.run(work)
        self.sound = True
        return result

    def _together(self, jobs: Sequence[tuple[Job, Death | None]], order: Sequence[int] = ()) -> None:
        effects = self._do(self._play(jobs, order))
        self.sound = False
        self.seen = self.run(self.world.look())
        self.run(self.world.read_stream())
        self._the_story_is_one_of_the_models(effects)
        self._what_always_holds()
        self.sound = True

    async def _play(self, jobs: Sequence[tuple[Job, Death | None]], order: Sequence[int]) -> list[Effect]:
        made = [await self._cast(job, death, nth % REPLICAS) for nth, (job, death) in enumerate(jobs)]
        cast = [(nth % REPLICAS, *one) for nth, one in enumerate(made) if one]
        calls = len(self.world.calls)
        await play([actor for _, actor, _ in cast], order, self.world.watch)
        if any(isinstance(job, Wait) for job, _ in jobs):
            self._excuse(self.world.calls[calls:])
        effects = [effect for _, actor, ending in cast if (effect := await ending(actor))]
        for replica, actor, _ in cast:
            if actor.dead:
                self.held[replica].clear()
        return effects

    def _excuse(self, calls: Sequence[Call]) -> None:
        self.excused.update((call.alert, call.version) for call in calls)

    async def _cast(self, job: Job, death: Death | None, replica: int):
        """An actor for the job, and what is to be done when it has ended; None when there is nothing to do."""
        cast = None
        match job:
            case Consume() if count := min(job.most, self.waiting):
                cast = await self._consuming(count, death, replica)
            case Notify() if count := min(job.most, len(self.world.stream) - self.announced_and_done):
                cast = await self._notifying(count, death, replica, at_once=job.at_once)
            case Deliver():
                cast = self._delivering(job, death, replica)
            case Wait():
                cast = Actor(lambda _: self.world.time_passes(replica), death), _nothing
            case Click() if self.seen.ids:
                cast = self._clicking(job, death, replica)
            case Publish():
                publisher = self.world.publishers[replica]
                await publisher.open()
                cast = Actor(publisher.work, death), _nothing
        return cast

    async def _consuming(self, count: int, death: Death | None, replica: int):
        self.waiting -= count
        messages = await self.world.evidence.take(count)
        evidence = [self.by_id[UUID(_event_id(message))] for message in messages]
        consumer = self.world.alerts_consumer(replica)

        async def ending(actor: Actor) -> Effect | None:
            if actor.dead:
                self.waiting += await _comes_again(messages)
            return Effect(evidence) if actor.committed else None

        return Actor(lambda actor: pull._handle_all(consumer, messages, self.world.hold, actor.stop), death), ending

    async def _notifying(self, count: int, death: Death | None, replica: int, *, at_once: bool):
        self.announced_and_done += count
        messages = await self.world.announced.take(count)
        hands = Hands(willing=at_once)
        consumer = self.world.notifier_consumer(replica, hands)

        async def ending(actor: Actor) -> None:
            if actor.dead:
                self.announced_and_done -= await _comes_again(messages)
            else:
                assert not hands.unused
                self.held[replica] += hands.held
            if actor.committed:
                for event in map(_announced, messages):
                    self.taken_in[event.alert_id].add(event.version)

        return Actor(lambda actor: pull._handle_all(consumer, messages, self.world.hold, actor.stop), death), ending

    def _delivering(self, job: Deliver, death: Death | None, replica: int):
        held, self.held[replica] = self.held[replica], []
        made: list[Call] = []

        async def ending(actor: Actor) -> None:
            if not actor.committed:
                self._excuse(made)

        return Actor(lambda _: self.world.deliver(replica, held, job.most, job.answers, made), death), ending

    def _clicking(self, click: Click, death: Death | None, replica: int):
        known = [(key, number) for key, ids in sorted(self.seen.ids.items()) for number in range(len(ids))]
        key, number = known[-1 - click.nth % len(known)]
        alert = self.seen.ids[key][number]

        async def ending(actor: Actor) -> Effect | None:
            done = (click.what, key, number, click.actor, click.note)
            return Effect(click=done, answer=actor.answer) if actor.committed else None

        return Actor(lambda _: self.world.click(replica, click.what, alert, click.actor, click.note), death), ending

    def _rest(self) -> None:
        while self.waiting:
            self._together([(Consume(self.waiting), None)])
        for _ in range(200):
            self._together([(Publish(), None)] * REPLICAS)
            if not self.seen.unpublished:
                break
            self.run(asyncio.sleep(0.01))  # a session that died may hold its shares until the server has noticed
        while left := len(self.world.stream) - self.announced_and_done:
            self._together([(Notify(left, at_once=True), None)])
        for _ in range(200):
            if not self.seen.undelivered:
                break
            before = self.seen.undelivered
            self._together([(Deliver(most, (True,)), None) for most in (before, 1)])
            if self.seen.undelivered == before:  # somebody died and left leases
                self._together([(Wait(), None)])
        self.sound = False
        self._what_holds_at_rest()
        self.sound = True

    # What must hold

    def _the_story_is_one_of_the_models(self, effects: Sequence[Effect]) -> None:
        """In some order of what was committed, for whoever works at once may come first."""
        told = []
        for order in permutations(effects):
            fleet = deepcopy(self.fleet)
            answered = [effect.happens(fleet) for effect in order]
            if all(answered) and fleet.alerts == self.seen.alerts and fleet.did == self.seen.did:
                self.fleet = fleet
                return
            told.append((answered, fleet.alerts, fleet.did))
        raise AssertionError(_difference(told, self.seen))

    def _what_always_holds(self) -> None:
        seen = self.seen
        assert seen.dead_letters == 0
        open_per_group: dict[UUID, int] = defaultdict(int)
        for (group, _), alerts in seen.alerts.items():
            open_per_group[group] += sum(alert.resolution is None for alert in alerts)
        assert all(count <= 1 for count in open_per_group.values())
        assert all(versions == list(range(1, len(versions) + 1)) for versions in seen.versions.values())
        for key, (raised, cleared) in self.marks.items():
            assert seen.marks[key][0] >= raised
            assert seen.marks[key][1] >= cleared
        self.marks = seen.marks
        self._stream_holds_each_event_once_and_in_order()
        for alert in seen.versions:
            due = _without_gap(self.taken_in[alert])
            assert seen.decided.get(alert, []) == due
            assert seen.told.get(alert, []) == due
        self._the_receiver_hears_in_order()

    def _the_receiver_hears_in_order(self) -> None:
        """What comes next is told only after what came before has been taken, and never the other way round."""
        taken: dict[UUID, list[int]] = defaultdict(list)
        for call in self.world.calls:
            before = taken[call.alert]
            assert max(before, default=0) <= call.version <= max(before, default=0) + 1
            assert call.version in self.seen.told[call.alert]
            if call.taken:
                before.append(call.version)
        for alert, versions in taken.items():
            assert {version for version in versions if versions.count(version) > 1} <= {
                version for excused, version in self.excused if excused == alert
            }

    def _stream_holds_each_event_once_and_in_order(self) -> None:
        versions: dict[UUID, list[int]] = defaultdict(list)
        for message in self.world.stream:
            event = _announced(message)
            assert message.data == self.seen.payloads[event.event_id]
            versions[event.alert_id].append(event.version)
        assert all(found == list(range(1, len(found) + 1)) for found in versions.values())

    def _what_holds_at_rest(self) -> None:
        assert len(self.world.stream) == len(self.seen.payloads)
        assert self.seen.told == self.seen.versions
        taken = {(call.alert, call.version) for call in self.world.calls if call.taken}
        assert taken == {(alert, version) for alert, versions in self.seen.versions.items() for version in versions}
        assert self.seen.undelivered == 0


async def _nothing(_: Actor) -> None:
    """Nobody sees what it did but in the stream."""


async def _comes_again(messages: Sequence[Msg]) -> int:
    """What a dead consumer did not acknowledge comes again; at once, instead of after the broker's patience."""
    again = [message for message in messages if not message._ackd]
    for message in again:
        await message.nak()
    return len(again)


def _event_id(message: Msg) -> str:
    return json.loads(message.data)["event_id"]


def _announced(message: Msg):
    return handlers.decode(message.subject.removeprefix("alert."), message.data).event


def _without_gap(versions: set[int]) -> list[int]:
    return [version for version in sorted(versions) if set(range(1, version)) <= versions]


def _difference(told: Sequence[tuple[list[bool], dict[Key, list[Alert]], dict[UUID, str]]], seen: Seen) -> str:
    lines = ["No order of what was done tells the story that is seen.", f"seen: {seen.alerts} {seen.did}"]
    lines += [f"told: {alerts} {did}; answered so: {answered}" for answered, alerts, did in told]
    return "\n".join(lines)


@pytest.mark.timeout(3600)
def test_one_key(runner, world):
    chosen = PROFILES[os.environ.get("HYPOTHESIS_PROFILE", "default")]
    run_state_machine_as_test(partial(OneKey, runner, world), settings=chosen)

"""What is wrong with Keepwatch itself: alerts of the built-in host, by the same rules as all others."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from services.alerts import dead_letters, handlers
from services.alerts.model import Letter
from shared.asks.alerts import Resolve, TellOwnTrouble
from shared.asks.dead_letters import GetAlertsDeadLetter, ListAlertsDeadLetters, ReplayAlertsDeadLetter
from shared.own_host import OWN_HOST_ID
from shared.vocabulary import AlertKind
from tests.integration.alerts.conftest import START


@pytest.fixture
def letters(alerts) -> dead_letters.DeadLetterAnswers:
    async def announce() -> None:
        alerts.announced += 1

    return dead_letters.DeadLetterAnswers(alerts.pool, announce)


def trouble(at: float = 0, *, over: bool = False, **about) -> TellOwnTrouble:
    known = {"event_id": uuid4(), "kind": "channel_disabled", "dedup_key": "c1", "name": "ops", "message": "410"}
    return TellOwnTrouble(**known | {"over": over, "at": START + timedelta(minutes=at)} | about)


async def tell(alerts, *told: TellOwnTrouble) -> None:
    for each in told:
        await alerts.answers.tell_own_trouble(each)


async def listed(letters):
    return await letters.list_letters(ListAlertsDeadLetters(most=10))


def poison(sequence: int = 1) -> Letter:
    return Letter("job.finished", sequence, b"{not json", "ValueError('no JSON')")


async def test_a_dead_letter_is_an_alert_of_the_built_in_host(alerts):
    await dead_letters.set_aside(alerts.pool, poison())

    alert = await alerts.only()
    assert (alert.host_id, alert.host_name, alert.kind, alert.dedup_key) == (
        OWN_HOST_ID,
        "keepwatch",
        AlertKind.DEAD_LETTER,
        "alerts",
    )
    assert (alert.severity, alert.message) == ("critical", "job.finished: ValueError('no JSON')")
    assert "dead-letters replay" in alert.hint
    assert await alerts.timeline(alert) == ["raised"]


async def test_more_dead_letters_count_on_it_and_the_same_one_does_not(alerts, letters):
    for sequence in (1, 2, 2):
        await dead_letters.set_aside(alerts.pool, poison(sequence))

    assert ((await alerts.only()).occurrences, len(await listed(letters))) == (2, 2)
    assert await alerts.told() == ["raised"]


async def test_a_letter_that_fails_again_stays_with_its_new_error(alerts, letters):
    await dead_letters.set_aside(alerts.pool, poison())
    (letter,) = await listed(letters)

    answer = await letters.replay_letter(ReplayAlertsDeadLetter(id=letter.id))

    assert not answer.replayed
    shown = await letters.get_letter(GetAlertsDeadLetter(id=letter.id))
    assert (shown.error, shown.payload, shown.payload_bytes) == (answer.error, "{not json", 9)
    assert "Invalid JSON" in shown.error
    assert (await alerts.only()).state == "open"


async def test_what_fails_in_the_database_leaves_nothing_behind_but_its_error(alerts, letters):
    """The event is noted in the inbox before its alert is refused; a second try must not find it there."""
    await alerts.pool.execute("ALTER TABLE alerts.alert ADD CONSTRAINT defect CHECK (host_name <> 'web-01')")
    event = alerts.event("failed")
    await dead_letters.set_aside(alerts.pool, Letter(event.subject, 1, event.model_dump_json().encode(), "x"))
    (letter,) = await listed(letters)
    failed = await letters.replay_letter(ReplayAlertsDeadLetter(id=letter.id))

    await alerts.pool.execute("ALTER TABLE alerts.alert DROP CONSTRAINT defect")
    done = await letters.replay_letter(ReplayAlertsDeadLetter(id=letter.id))

    assert (failed.replayed, "defect" in failed.error, done.replayed) == (False, True, True)
    assert [alert.kind for alert in await alerts.open()] == [AlertKind.BACKUP_FAILED]


async def test_only_the_last_letter_s_end_resolves_the_alert(alerts, letters):
    for sequence, group in enumerate(("etc", "mail"), start=1):
        event = alerts.event("failed", group=group)
        await dead_letters.set_aside(alerts.pool, Letter(event.subject, sequence, event.model_dump_json().encode(), ""))
    first, second = await listed(letters)

    await letters.replay_letter(ReplayAlertsDeadLetter(id=first.id))
    between = [alert.kind for alert in await alerts.open()]
    await letters.replay_letter(ReplayAlertsDeadLetter(id=second.id))

    assert sorted(between) == ["backup_failed", "dead_letter"]
    assert {alert.source_group_name for alert in await alerts.open()} == {"mail", "etc"}
    assert (await letters.replay_letter(ReplayAlertsDeadLetter(id=second.id))).status == 404


async def test_a_replayed_event_counts_once_however_often_it_comes(alerts, letters):
    event = alerts.event("failed")
    await dead_letters.set_aside(alerts.pool, Letter(event.subject, 1, event.model_dump_json().encode(), ""))
    (letter,) = await listed(letters)

    await letters.replay_letter(ReplayAlertsDeadLetter(id=letter.id))
    await alerts.tell(event)

    (alert,) = await alerts.open()
    assert alert.occurrences == 1


async def test_a_letter_that_comes_while_the_last_one_goes_keeps_its_alert(alerts, letters):
    """Without the lock the replay would see no letter, and clear one that was committed a moment later."""
    event = alerts.event("failed")
    for _ in range(10):
        await dead_letters.set_aside(alerts.pool, Letter(event.subject, 1, event.model_dump_json().encode(), ""))
        (letter,) = await listed(letters)
        await asyncio.gather(
            letters.replay_letter(ReplayAlertsDeadLetter(id=letter.id)),
            dead_letters.set_aside(alerts.pool, poison(2)),
        )
        assert await alerts.all(states=["open"], kinds=["dead_letter"])
        await alerts.pool.execute("DELETE FROM alerts.dead_letter")


async def test_dead_letters_are_listed_from_a_place_on(alerts, letters):
    for sequence in range(1, 6):
        await dead_letters.set_aside(alerts.pool, poison(sequence))

    page = await letters.list_letters(ListAlertsDeadLetters(most=2))
    rest = await letters.list_letters(ListAlertsDeadLetters(most=10, before=(page[-1].created_at, page[-1].id)))

    assert [letter.stream_seq for letter in page + rest] == [5, 4, 3, 2, 1]


async def test_trouble_that_is_told_again_counts_once(alerts):
    told = trouble()

    await tell(alerts, told, told)

    alert = await alerts.only()
    assert (alert.kind, alert.severity, alert.occurrences) == ("channel_disabled", "warning", 1)
    assert alert.title == "keepwatch: channel ops disabled, 410"
    assert alerts.announced == 1


async def test_what_is_over_resolves_its_own_alert_and_no_other(alerts):
    await tell(alerts, trouble(), trouble(dedup_key="c2"), trouble(1, over=True))

    (alert,) = await alerts.open()
    assert alert.dedup_key == "c2"


async def test_news_of_trouble_goes_by_evidence_not_by_arrival(alerts):
    await tell(alerts, trouble(5, over=True), trouble(1))

    assert await alerts.all() == []


async def test_resolved_by_hand_it_comes_back_with_the_next_trouble(alerts):
    await tell(alerts, trouble())
    await alerts.answers.resolve(Resolve(ids=[(await alerts.only()).id], actor="ada"))

    await tell(alerts, trouble(1))

    assert [alert.state for alert in await alerts.all()] == ["open", "resolved"]


async def test_hosts_and_keepwatch_itself_do_not_meet(alerts):
    await alerts.fails()
    await tell(alerts, trouble())

    await handlers.apply(alerts.pool, [alerts.host_deleted()])

    assert [alert.kind for alert in await alerts.open()] == [AlertKind.CHANNEL_DISABLED]

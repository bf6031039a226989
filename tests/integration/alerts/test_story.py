"""What Keepwatch exists for, told to the alerts service on a real PostgreSQL."""

from uuid import uuid4

import pytest

from shared.asks.alerts import Acknowledge, Resolve
from shared.events import AlertRaised, AlertResolved
from shared.own_host import CANARY_HOST_ID
from shared.vocabulary import AlertKind, AlertState, ErrorClass, JobKind, Resolution, Severity


async def test_two_groups_that_fail_are_two_alerts(alerts):
    await alerts.fails("etc")
    await alerts.fails("mail", error_class=ErrorClass.WRONG_PASSWORD)

    etc, mail = sorted(await alerts.open(), key=lambda alert: alert.source_group_name)
    assert etc.title == "web-01 / etc: backup failed, repository locked"
    assert mail.title == "web-01 / mail: backup failed, wrong repository password"
    assert (etc.severity, mail.severity) == (Severity.WARNING, Severity.CRITICAL)
    assert etc.hint != mail.hint
    assert await alerts.told() == ["raised", "raised"]


async def test_a_repeat_counts_and_wakes_nobody(alerts):
    await alerts.fails(at=0)
    await alerts.fails(at=5, message="again", error_class=ErrorClass.NO_SPACE)

    alert = await alerts.only()
    assert alert.occurrences == 2
    assert (alert.last_seen_at - alert.first_seen_at).total_seconds() == 300
    assert (alert.message, alert.error_class) == ("again", ErrorClass.NO_SPACE)
    assert alert.title == "web-01 / etc: backup failed, no space left"
    assert await alerts.told() == ["raised"]


async def test_a_group_that_recovers_resolves_its_own_alert_only(alerts):
    await alerts.fails("etc")
    await alerts.fails("mail")
    success = await alerts.succeeds("etc", at=1)

    (mail,) = await alerts.open()
    (etc,) = await alerts.all(states=["resolved"])
    assert mail.source_group_name == "mail"
    assert (etc.resolution, etc.resolved_by, etc.resolved_job_id) == (Resolution.AUTO, None, success.job_id)
    assert await alerts.told() == ["raised", "raised", "resolved"]


async def test_an_acknowledgement_survives_repeats(alerts):
    await alerts.fails()
    alert = await alerts.only()
    await alerts.answers.acknowledge(Acknowledge(ids=[alert.id], actor="ada", note="on it"))
    await alerts.fails(at=1)

    alert = await alerts.only()
    assert (alert.state, alert.acked_by, alert.note, alert.occurrences) == (AlertState.ACKED, "ada", "on it", 2)
    assert await alerts.timeline(alert) == ["raised", "acked"]


async def test_a_failure_after_a_resolution_by_hand_is_a_new_alert(alerts):
    await alerts.fails()
    first = await alerts.only()
    await alerts.answers.resolve(Resolve(ids=[first.id], actor="ada"))
    await alerts.fails(at=1)

    newest, oldest = await alerts.all()
    assert (newest.state, oldest.state, oldest.resolution) == ("open", "resolved", Resolution.MANUAL)
    assert newest.occurrences == 1
    assert await alerts.told() == ["raised", "resolved", "raised"]


async def test_who_guesses_the_canarys_alert_finds_nothing_to_click(alerts):
    await alerts.fails(host_id=CANARY_HOST_ID)
    ids = [await alerts.pool.fetchval("SELECT id FROM alerts.alert")]

    acked = await alerts.answers.acknowledge(Acknowledge(ids=ids, actor="ada"))
    resolved = await alerts.answers.resolve(Resolve(ids=ids, actor="ada"))

    assert [acked.results[0].status, resolved.results[0].status] == [404, 404]
    assert await alerts.told() == ["raised"]


async def test_clicking_twice_announces_once(alerts):
    await alerts.fails()
    alert = await alerts.only()
    ack = Acknowledge(ids=[alert.id], actor="ada")
    resolve = Resolve(ids=[alert.id], actor="ada")

    statuses = [
        (await verb).results[0].status
        for verb in (
            alerts.answers.acknowledge(ack),
            alerts.answers.acknowledge(ack),
            alerts.answers.resolve(resolve),
            alerts.answers.resolve(resolve),
            alerts.answers.acknowledge(ack),
        )
    ]
    assert statuses == [204, 204, 204, 204, 409]
    assert await alerts.timeline(alert) == ["raised", "acked", "resolved"]
    assert alerts.announced == 2


async def test_bulk_answers_each_in_the_order_asked(alerts):
    await alerts.fails("etc")
    await alerts.fails("mail")
    mail, etc = await alerts.all()
    await alerts.answers.resolve(Resolve(ids=[etc.id], actor="ada"))
    stranger = uuid4()

    answer = await alerts.answers.acknowledge(Acknowledge(ids=[stranger, etc.id, mail.id], actor="ada"))

    assert [(result.id, result.status) for result in answer.results] == [(stranger, 404), (etc.id, 409), (mail.id, 204)]


async def test_a_warning_is_a_snapshot_and_a_notice(alerts):
    await alerts.fails(at=0)
    await alerts.warns(at=1, error_class=ErrorClass.SOURCE_UNREADABLE, unreadable_files=14)

    (alert,) = await alerts.open()
    assert (alert.kind, alert.severity) == (AlertKind.BACKUP_WARNING, Severity.INFO)
    assert alert.title == "web-01 / etc: saved, 14 files unreadable"

    await alerts.fails(at=2)
    assert [alert.kind for alert in await alerts.open()] == [AlertKind.BACKUP_FAILED]
    (warning,) = await alerts.all(kinds=["backup_warning"])
    assert warning.resolution == Resolution.SUPERSEDED

    await alerts.succeeds(at=3)
    assert await alerts.open() == []


async def test_cancelled_is_no_evidence(alerts):
    await alerts.fails(at=0)
    cancelled = alerts.event("cancelled", at=1)
    await alerts.tell(cancelled)

    assert (await alerts.only()).state == "open"
    assert await alerts.evidence(cancelled) == "none"


@pytest.mark.parametrize(
    ("kind", "alert_kind", "title"),
    [
        (JobKind.FORGET, "forget_failed", "web-01: forget failed, repository locked"),
        (JobKind.PRUNE, "prune_failed", "web-01: prune failed, repository locked"),
        (JobKind.CHECK, "check_failed", "web-01: repository check failed, repository locked"),
    ],
)
async def test_the_repository_has_alerts_of_its_own(alerts, kind, alert_kind, title):
    await alerts.fails("etc")
    await alerts.fails(None, kind=kind)

    (alert,) = await alerts.all(kinds=[alert_kind])
    assert (alert.dedup_key, alert.source_group_id, alert.title) == ("", None, title)
    await alerts.succeeds(None, kind=kind, at=1)
    assert [alert.source_group_name for alert in await alerts.open()] == ["etc"]


async def test_a_silent_host_is_an_alert_until_it_is_heard(alerts):
    await alerts.silent(at=0)
    assert (await alerts.only()).title == "web-01: agent silent for 10 min"

    await alerts.heard(at=1)
    assert (await alerts.only()).resolution == Resolution.AUTO


async def test_synthetic_evidence_is_judged_by_its_key(alerts):
    await alerts.fails(None, dedup_key="fake", synthetic=True, job_id=None)
    assert (await alerts.only()).dedup_key == "fake"

    await alerts.succeeds("etc", at=1)
    assert (await alerts.only()).state == "open"
    await alerts.succeeds(None, dedup_key="fake", synthetic=True, job_id=None, at=2)
    assert (await alerts.only()).state == "resolved"


async def test_a_backup_whose_group_is_gone_raises_nothing(alerts):
    event = await alerts.fails(None)

    assert await alerts.all() == []
    assert await alerts.evidence(event) == "none"


async def test_deleting_a_group_resolves_its_alert_for_good(alerts):
    await alerts.fails("etc")
    await alerts.fails("mail")
    late = alerts.event("failed", group="etc", at=60)
    await alerts.tell(alerts.group_deleted("etc"))
    await alerts.tell(late)

    assert [alert.source_group_name for alert in await alerts.open()] == ["mail"]
    (etc,) = await alerts.all(states=["resolved"])
    assert etc.resolution == Resolution.SOURCE_DELETED
    assert await alerts.evidence(late) == "late"


async def test_a_job_cancelled_because_its_group_went_is_no_evidence_and_not_late(alerts):
    cancelled = alerts.event("cancelled", group="etc")
    await alerts.tell(alerts.group_deleted("etc"), cancelled)

    assert await alerts.evidence(cancelled) == "none"


async def test_a_deletion_in_the_middle_of_a_batch_counts_from_there(alerts):
    before, after = alerts.event("failed", at=0), alerts.event("failed", at=1)
    await alerts.tell(before, alerts.group_deleted("etc"), after)

    assert (await alerts.only()).resolution == Resolution.SOURCE_DELETED
    assert await alerts.told() == ["raised", "resolved"]


async def test_deleting_a_host_resolves_all_its_alerts(alerts):
    await alerts.fails("etc")
    await alerts.silent()
    await alerts.tell(alerts.host_deleted())
    await alerts.fails("mail", at=9)

    assert {alert.resolution for alert in await alerts.all()} == {Resolution.HOST_DELETED}
    assert len(await alerts.all()) == 2


async def test_an_event_tells_the_whole_alert_as_it_was(alerts, pool):
    await alerts.fails(host_labels={"env": "prod"})
    await alerts.succeeds(at=1)

    raised, resolved = [
        row["payload"] for row in await pool.fetch("SELECT payload FROM alerts.alert_event ORDER BY id")
    ]
    raised, resolved = AlertRaised.model_validate_json(raised), AlertResolved.model_validate_json(resolved)
    assert (raised.version, raised.alert.version, raised.alert.state) == (1, 1, "open")
    assert raised.alert.host_labels == {"env": "prod"}
    assert (resolved.version, resolved.alert.state, resolved.alert.resolution) == (2, "resolved", "auto")

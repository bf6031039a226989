from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.api.pages.alert_words import KINDS, WHAT, because, in_sum, told, what_failed
from shared.asks.alerts import Acknowledge, AlertDetail, Resolve
from shared.asks.deliveries import Decision, Delivery
from shared.vocabulary import AlertKind

AT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def alert(**about) -> AlertDetail:
    names = (
        "message hint error_class last_success_at acked_at acked_by resolved_at resolved_by note resolution"
        " raised_job_id resolved_job_id source_group_id source_group_name"
    )
    absent = dict.fromkeys(names.split())
    known = {"id": uuid4(), "version": 1, "host_id": uuid4(), "host_name": "web-01", "host_labels": {},
             "kind": "backup_failed", "dedup_key": "", "severity": "warning", "title": "t", "state": "open",
             "occurrences": 1, "first_seen_at": AT, "last_seen_at": AT, "timeline": []}  # fmt: skip
    return AlertDetail(**absent | known | about)


def decision(event="raised", **about) -> Decision:
    known = {"channel_id": uuid4(), "channel_name": "ops", "due": False, "reason": "the channel is disabled"}
    return Decision(event=event, **known | about)


def delivery(of: Decision, state: str, **about) -> Delivery:
    absent = dict.fromkeys(("next_attempt_at", "last_error", "delivered_at"))
    known = {"id": uuid4(), "channel_id": of.channel_id, "channel_name": of.channel_name, "alert_id": uuid4(),
             "event": of.event, "state": state, "attempts": 1, "created_at": AT}  # fmt: skip
    return Delivery(**absent | known | about)


@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_kind_has_its_words(kind):
    assert KINDS[kind]
    assert "web-01" in what_failed(alert(kind=kind))
    assert "etc on web-01" in what_failed(alert(kind=kind, source_group_name="etc"))
    assert "{" not in WHAT[kind].format(what="x")


def test_names_are_not_patterns():
    assert "{0} on {host}" in what_failed(alert(host_name="{host}", source_group_name="{0}"))


def test_reasons_are_sentences():
    assert because(decision(due=True, reason="enabled")) == (
        "Told, because the channel is on and wants such events of such alerts."
    )
    assert because(decision()) == "Not told, because the channel is disabled."
    assert because(decision("acked", reason="the raise was withheld: severity info is below critical")) == (
        "Not told, because it was not told of the alert in the first place: severity info is below critical."
    )


def test_what_waits_for_an_earlier_event_says_so():
    raised = decision(due=True)
    acked = decision("acked", due=True, channel_id=raised.channel_id)
    found = told(alert(decisions=[raised, acked], deliveries=[delivery(raised, "failed"), delivery(acked, "pending")]))

    assert [(event, [each.held for each in channels]) for event, channels in found.items()] == [
        ("raised", [False]),
        ("acked", [True]),
    ]


def test_an_event_that_no_channel_was_told_of_is_there():
    entry = {"type": "raised", "at": AT, "actor": None, "note": None}

    assert told(alert(timeline=[entry], decisions=[], deliveries=[])) == {"raised": []}


@pytest.mark.parametrize(
    ("click", "statuses", "words"),
    [
        (Acknowledge, [204, 204, 409, 204], "3 acknowledged, 1 was resolved already"),
        (Acknowledge, [409, 409, 404], "1 was not found, 2 were resolved already"),
        (Resolve, [204], "1 resolved"),
        (Resolve, [404, 404, 204], "1 resolved, 2 were not found"),
    ],
)
def test_many_results_in_a_few_words(click, statuses, words):
    assert in_sum(click, statuses) == words

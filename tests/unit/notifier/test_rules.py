from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.model import Arrived, Cause, Delivered, Due, Listener, Refused, Unreachable, Withheld
from services.notifier.rules import after_try, contiguous, decide
from shared.asks.channels import ALL_CHANGES, ChannelFilter
from shared.vocabulary import AlertChange, DeliveryState

NO = Unreachable("cannot connect")
SCHEDULE = [0, 5, 60]


def listener(**changes):
    values = {"id": uuid4(), "name": "ops", "enabled": True, "events": ALL_CHANGES, "filter": ChannelFilter()}
    return Listener(**{**values, **changes})


@pytest.fixture
def arrived(alert_event):
    def make(change="raised", **alert):
        return Arrived(alert_event(change, uuid4(), **alert), "", AlertChange(change))

    return make


def test_an_enabled_channel_without_filter_is_told_everything(arrived):
    for change in ALL_CHANGES:
        assert isinstance(decide(listener(), arrived(change), None), Due)


@pytest.mark.parametrize(
    ("channel", "cause", "reason"),
    [
        ({"enabled": False}, Cause.DISABLED, "the channel is disabled"),
        ({"events": [AlertChange.RAISED]}, Cause.EVENTS, "its events do not include acked"),
        ({"filter": ChannelFilter(min_severity="critical")}, Cause.FILTER, "severity warning is below critical"),
        (
            {"filter": ChannelFilter(kinds=["prune_failed", "check_failed"])},
            Cause.FILTER,
            "kind backup_failed is not among prune_failed, check_failed",
        ),
        ({"filter": ChannelFilter(host_labels={"env": "prod"})}, Cause.FILTER, "host label env is not prod"),
    ],
)
def test_a_channel_that_is_not_told_knows_why(arrived, channel, cause, reason):
    assert decide(listener(**channel), arrived("acked"), None) == Withheld(cause, reason)


def test_all_conditions_of_a_filter_must_hold(arrived):
    wanted = ChannelFilter(min_severity="warning", kinds=["backup_failed"], host_labels={"env": "prod", "dc": "a"})

    assert isinstance(decide(listener(filter=wanted), arrived(host_labels={"env": "prod", "dc": "a"}), None), Due)
    assert isinstance(decide(listener(filter=wanted), arrived(host_labels={"env": "prod"}), None), Withheld)


@pytest.mark.parametrize("cause", [Cause.FILTER, Cause.DISABLED])
def test_who_was_not_told_of_the_raise_is_not_told_of_its_end(arrived, cause):
    outcome = decide(listener(), arrived("resolved"), Withheld(cause, "so it was"))

    assert outcome == Withheld(Cause.RAISE_WITHHELD, "the raise was withheld: so it was")


def test_who_wants_ends_only_is_told_of_ends(arrived):
    only_ends = listener(events=[AlertChange.RESOLVED])

    assert isinstance(decide(only_ends, arrived("resolved"), Withheld(Cause.EVENTS, "")), Due)


def test_nothing_is_fanned_out_before_what_came_first():
    assert contiguous(0, [3, 1, 2, 5]) == [1, 2, 3]
    assert contiguous(1, [3]) == []


@given(st.integers(0, 5), st.sets(st.integers(1, 20)))
def test_versions_are_fanned_out_without_a_gap(done, waiting):
    ready = contiguous(done, [version for version in waiting if version > done])

    assert ready == list(range(done + 1, done + 1 + len(ready)))
    assert done + 1 + len(ready) not in waiting


def test_a_success_needs_no_other_try():
    assert after_try(Delivered(200, ""), 1, SCHEDULE, 0).state is DeliveryState.DELIVERED


def test_delays_grow_along_the_schedule_until_it_ends():
    assert after_try(NO, 1, SCHEDULE, 0).after == timedelta(seconds=5)
    assert after_try(NO, 2, SCHEDULE, 0).after == timedelta(seconds=60)

    last = after_try(NO, 3, SCHEDULE, 0)

    assert (last.state, last.after, last.error) == (DeliveryState.DEAD, None, "given up after 3 tries: cannot connect")


@given(st.floats(0, 1, exclude_max=True))
def test_jitter_stretches_and_never_shortens(luck):
    assert timedelta(seconds=60) <= after_try(NO, 2, SCHEDULE, luck).after <= timedelta(seconds=72)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (timedelta(seconds=1), timedelta(seconds=5)),
        (timedelta(minutes=10), timedelta(minutes=10)),
        (timedelta(days=3), timedelta(hours=6)),
    ],
)
def test_a_wish_for_patience_is_honoured_up_to_six_hours(asked, waits):
    assert after_try(Refused(429, "", "", asked), 1, SCHEDULE, 0).after == waits


def test_a_receiver_that_is_gone_is_not_tried_again():
    assert after_try(Refused(410, "gone", "", gone=True), 1, SCHEDULE, 0).state is DeliveryState.DEAD


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Unreachable("no answer in time"), DeliveryState.DEAD),
        (Unreachable("cannot connect", unsent=True), DeliveryState.FAILED),
        (Refused(500, "the receiver answered 500", ""), DeliveryState.FAILED),
        (Refused(502, "the receiver answered 502", ""), DeliveryState.DEAD),
        (Refused(504, "the receiver answered 504", ""), DeliveryState.DEAD),
        (Delivered(200, ""), DeliveryState.DELIVERED),
    ],
)
def test_at_most_once_only_what_surely_did_not_arrive_is_tried_again(outcome, state):
    assert after_try(outcome, 1, SCHEDULE, 0, at_most_once=True).state is state

"""Decisions about jobs and time."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.jobs import rules
from services.jobs.model import End, Standing
from shared.vocabulary import HostStatus, JobKind, JobStatus

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def end(**fields):
    return End(uuid4(), JobStatus.FAILED, **fields)


@pytest.mark.parametrize(
    ("finished", "sent", "evidence"),
    [
        (None, None, NOON),
        (NOON - 5 * MINUTE, None, NOON - 5 * MINUTE),
        (NOON + 5 * MINUTE, None, NOON),
        (None, NOON - 300 * MINUTE, NOON),
        (NOON - 305 * MINUTE, NOON - 300 * MINUTE, NOON - 5 * MINUTE),
        (NOON + 295 * MINUTE, NOON + 300 * MINUTE, NOON - 5 * MINUTE),
        (NOON + timedelta(days=365), NOON, NOON),
    ],
)
def test_evidence_is_the_tellers_time_with_its_clock_error_taken_out(finished, sent, evidence):
    assert rules.evidence_at(NOON, end(finished_at=finished, sent_at=sent)) == evidence


times = st.datetimes(timezones=st.timezones() | st.just(UTC))


@given(times, times)
def test_no_claimed_time_is_ever_ahead_of_us_or_an_error(finished, sent):
    at = rules.evidence_at(NOON, end(finished_at=finished, sent_at=sent))

    assert rules.EARLIEST <= at <= NOON


def test_what_we_say_ourselves_is_as_of_the_time_we_name():
    assert rules.evidence_at(NOON, rules.lost(uuid4(), NOON - MINUTE, "lost")) == NOON - MINUTE


def test_equal_times_move_apart_only_where_they_are_about_the_same():
    told = [("etc", NOON), ("mail", NOON), ("etc", NOON), ("etc", NOON - rules.TIE)]

    apart = rules.in_array_order(told)

    assert apart == [NOON - 2 * rules.TIE, NOON, NOON, NOON - rules.TIE]


@pytest.mark.parametrize(
    ("status", "presumed", "end_presumed", "taken"),
    [
        (JobStatus.RUNNING, False, False, True),
        (JobStatus.QUEUED, False, True, True),
        (JobStatus.FAILED, True, False, True),
        (JobStatus.FAILED, True, True, False),
        (JobStatus.SUCCEEDED, False, False, False),
    ],
)
def test_the_first_end_counts_and_a_true_one_replaces_a_presumed_one(status, presumed, end_presumed, taken):
    assert rules.takes(Standing(uuid4(), status, presumed), end(presumed=end_presumed)) is taken


def runs(cron, zone, after, count):
    found = []
    for _ in range(count):
        after = rules.next_run(cron, zone, after)
        found.append(after)
    return [f"{at:%d %H:%M}" for at in found]


def test_a_time_that_the_clocks_skip_fires_right_after_the_skip():
    """On 29 March 2026 Berlin's clocks go from 02:00 to 03:00."""
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)

    assert runs("30 2 * * *", "Europe/Berlin", before, 2) == ["29 01:00", "30 00:30"]


@pytest.mark.parametrize("minute", [0, 15, 29, 30, 31, 59])
def test_the_next_run_is_never_behind_us_while_the_clocks_repeat_an_hour(minute):
    """A schedule that fired late in the second hour would be due again at once, and again."""
    second_pass = datetime(2026, 10, 25, 1, minute, tzinfo=UTC)

    assert runs("30 2 * * *", "Europe/Berlin", second_pass, 2) == ["26 01:30", "27 01:30"]


def test_a_time_that_the_clocks_repeat_fires_once():
    """On 25 October 2026 Berlin's clocks go from 03:00 back to 02:00."""
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)

    assert runs("30 2 * * *", "Europe/Berlin", before, 2) == ["25 00:30", "26 01:30"]


@pytest.mark.parametrize("month", [3, 10])
def test_an_hourly_schedule_fires_every_hour_over_a_change_of_clocks(month):
    day = {3: 29, 10: 25}[month]
    before = datetime(2026, month, day, 0, 0, 1, tzinfo=UTC)

    assert runs("0 * * * *", "Europe/Berlin", before, 3) == [f"{day} 0{hour}:00" for hour in (1, 2, 3)]


@pytest.mark.parametrize(
    ("cron", "fine"),
    [
        ("0 2 * * *", True),
        ("*/5 * * * MON-FRI", True),
        ("0 0 L * *", True),
        ("0 0 31 2 *", False),
        ("x * * * *", False),
    ],
)
def test_a_cron_expression_is_judged(cron, fine):
    assert (rules.schedule_problems(cron, "Europe/Berlin") == []) is fine


@given(st.text(max_size=40), st.text(max_size=20))
def test_no_cron_expression_and_no_timezone_is_an_error(cron, zone):
    rules.schedule_problems(cron, zone)


@given(
    st.lists(
        st.sampled_from(["*", "0", "59", "*/7", "L", "LW", "1-5", "5-1", "1,2", "2#3", "*/0", "5L", "L/2"]),
        min_size=5,
        max_size=5,
    )
)
def test_whatever_looks_like_cron_is_judged_without_an_error(fields):
    rules.schedule_problems(" ".join(fields), "UTC")


def test_a_job_that_waits_says_for_what():
    seen = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    assert rules.waiting(JobStatus.QUEUED, HostStatus.ONLINE, seen) is None
    assert "2026-01-02 03:04:05 UTC" in str(rules.waiting(JobStatus.QUEUED, HostStatus.OFFLINE, seen))
    assert rules.waiting(JobStatus.RUNNING, HostStatus.OFFLINE, seen) is None


def test_why_a_job_cannot_be_made():
    fine = {"engine": "restic", "paths": 1, "repository": True, "retentions": 1}

    assert rules.why_not_to_run(JobKind.BACKUP, **fine) is None
    assert "no paths" in str(rules.why_not_to_run(JobKind.BACKUP, **fine | {"paths": 0}))
    assert "no repository" in str(rules.why_not_to_run(JobKind.CHECK, **fine | {"repository": False}))
    assert rules.why_not_to_run(JobKind.BACKUP, **fine | {"repository": False, "engine": "command"}) is None
    assert "retention" in str(rules.why_not_to_run(JobKind.FORGET, **fine | {"retentions": 0}))


def test_a_schedule_tells_as_many_next_runs_as_there_are():
    new_year, leap_day = "0 0 1 1 *", "0 0 29 2 *"

    assert [run.year for run in rules.next_runs(new_year, "UTC", NOON, 3)] == [2027, 2028, 2029]
    assert [run.year for run in rules.next_runs(leap_day, "UTC", NOON, 2)] == [2028, 2032]
    assert rules.next_runs("0 0 31 2 *", "UTC", NOON, 3) == []

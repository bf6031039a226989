"""Decisions about evidence, without clock or database."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts import rules, wording
from services.alerts.answers import prefixes
from services.alerts.model import Clear, Failure, Key, Marks, Raise, Success
from shared.events import JobFinished
from shared.vocabulary import AlertKind, ErrorClass, Evidence, JobKind, Resolution, Severity, TerminalStatus

START = datetime(2026, 3, 1, tzinfo=UTC)
UNKNOWN = Marks(rules.NEVER, rules.NEVER)
KEY = Key(UUID(int=1), AlertKind.BACKUP_FAILED, "g")
WARNING_KEY = Key(UUID(int=1), AlertKind.BACKUP_WARNING, "g")


def ended(status: str, **changes) -> JobFinished:
    values = {
        "event_id": uuid4(), "job_id": uuid4(), "host_id": UUID(int=1), "host_name": "web-01", "kind": JobKind.BACKUP,
        "source_group_id": UUID(int=2), "source_group_name": "mail", "status": TerminalStatus(status),
        "evidence_at": START,
    }  # fmt: skip
    return JobFinished(**(values | changes))


def failed(at: int, key: Key = KEY) -> Failure:
    return Failure(
        key=key, at=START + timedelta(microseconds=at), job_id=None, host_name="", host_labels={}, source_group_id=None,
        source_group_name=None, severity=Severity.WARNING, title=f"at {at}", message=None, hint=None, error_class=None,
        last_success_at=None,
    )  # fmt: skip


def succeeded(at: int, key: Key = KEY) -> Success:
    return Success(key, START + timedelta(microseconds=at), None, Resolution.AUTO)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("succeeded", [("backup_failed", "auto"), ("backup_warning", "auto")]),
        ("warning", [("backup_failed", "auto"), ("backup_warning", None)]),
        ("failed", [("backup_failed", None), ("backup_warning", "superseded")]),
        ("cancelled", []),
    ],
)
def test_what_the_end_of_a_backup_says(status, expected):
    found = rules.findings(ended(status))

    assert [(item.key.kind, getattr(item, "resolution", None)) for item in found] == expected


@pytest.mark.parametrize("status", ["failed", "warning"])
@pytest.mark.parametrize("kind", ["check", "forget", "prune"])
def test_a_repository_job_that_warns_raises_like_one_that_fails(kind, status):
    (found,) = rules.findings(ended(status, kind=kind, source_group_id=None, source_group_name=None))

    assert (found.key.kind, found.key.dedup_key) == (f"{kind}_failed", "")
    assert isinstance(found, Failure)


@pytest.mark.parametrize(
    ("error_class", "severity"),
    [("locked", "warning"), ("wrong_password", "critical"), ("repo_missing", "critical"), ("repo_changed", "critical"),
     ("other", "warning"), (None, "warning")],
)  # fmt: skip
def test_severity_of_a_failed_backup(error_class, severity):
    failure, _ = rules.findings(ended("failed", error_class=error_class))

    assert failure.severity == severity


def test_a_run_of_failures_folds_and_the_newest_speaks():
    judgement = rules.judge(UNKNOWN, [failed(1), failed(3), failed(2)])

    (change,) = judgement.changes
    assert isinstance(change, Raise)
    assert (change.occurrences, change.newest.title, change.first.title) == (3, "at 3", "at 1")


def test_a_run_of_successes_folds_and_the_first_is_what_resolved():
    (change,) = rules.judge(UNKNOWN, [succeeded(1), succeeded(3), succeeded(2)]).changes

    assert isinstance(change, Clear)
    assert (change.first, change.newest) == (succeeded(1), succeeded(3))


def test_where_nothing_was_ever_raised_nothing_is_cleared():
    judgement = rules.judge(UNKNOWN, [succeeded(1, WARNING_KEY), failed(2, WARNING_KEY), succeeded(3, WARNING_KEY)])

    assert judgement.outcomes == ["applied", "applied", "applied"]
    raised, cleared = judgement.changes
    assert (raised.first, cleared.first) == (failed(2, WARNING_KEY), succeeded(3, WARNING_KEY))


def test_a_success_clears_what_stands_for_a_whole_host_though_its_group_never_failed():
    assert rules.judge(UNKNOWN, [succeeded(1)]).changes


def test_what_is_older_than_a_mark_is_late():
    marks = Marks(raised_at=START + timedelta(microseconds=5), cleared_at=START + timedelta(microseconds=3))

    outcomes = {at: rules.judge(marks, [item]).outcomes[0] for at, item in
                [("failed 2", failed(2)), ("failed 3", failed(3)), ("failed 9", failed(9)),
                 ("succeeded 5", succeeded(5)), ("succeeded 6", succeeded(6))]}  # fmt: skip
    assert outcomes == {"failed 2": "late", "failed 3": "applied", "failed 9": "applied",
                        "succeeded 5": "late", "succeeded 6": "applied"}  # fmt: skip


moments = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=12)
keys = st.sampled_from([KEY, WARNING_KEY])


@given(moments, keys, st.data())
def test_a_batch_may_be_cut_anywhere(history, key, data):
    """Replicas and batches cut the stream as they like; alerts must not depend on it."""
    findings = [failed(at, key) if bad else succeeded(at, key) for bad, at in history]
    cut = data.draw(st.integers(0, len(findings)))
    whole = rules.judge(UNKNOWN, findings)
    first = rules.judge(UNKNOWN, findings[:cut])
    marks = UNKNOWN
    for finding in findings[:cut]:
        marks = rules.moved(marks, finding)
    second = rules.judge(marks, findings[cut:])

    assert first.outcomes + second.outcomes == whole.outcomes
    assert opened(first.changes + second.changes) == opened(whole.changes)


def opened(changes) -> tuple[list[int], bool]:
    """Occurrences of each alert in turn, and whether the last is open."""
    counts, is_open = [], False
    for change in changes:
        if isinstance(change, Clear):
            is_open = False
        elif is_open:
            counts[-1] += change.occurrences
        else:
            counts.append(change.occurrences)
            is_open = True
    return counts, is_open


@given(moments, keys)
def test_in_any_order_the_newest_evidence_decides_whether_an_alert_is_open(history, key):
    findings = [failed(at, key) if bad else succeeded(at, key) for bad, at in history]
    _, is_open = opened(rules.judge(UNKNOWN, findings).changes)

    newest_bad = max((at for bad, at in history if bad), default=-1)
    newest_good = max((at for bad, at in history if not bad), default=-1)
    assert is_open == (newest_bad >= 0 and newest_bad >= newest_good)


def test_every_class_of_error_has_a_reason_and_a_hint_of_its_own():
    classes = [each for each in ErrorClass if each is not ErrorClass.OTHER]
    titles = {wording.title(ended("failed", error_class=each)) for each in classes}
    hints = {wording.hint(ended("failed", error_class=each)) for each in classes}

    assert len(titles) == len(hints) == len(classes)


@pytest.mark.parametrize(
    ("event", "title"),
    [
        (ended("failed", error_class="locked"), "web-01 / mail: backup failed, repository locked"),
        (ended("failed", exit_code=7), "web-01 / mail: backup failed, exit code 7"),
        (ended("warning", unreadable_files=14), "web-01 / mail: saved, 14 files unreadable"),
        (ended("warning", unreadable_files=1), "web-01 / mail: saved, 1 file unreadable"),
        (ended("warning", error_class="source_missing"), "web-01 / mail: saved, but a source path is missing"),
        (ended("failed", kind="check", source_group_name=None), "web-01: repository check found errors"),
        (ended("warning", kind="forget", source_group_name=None), "web-01: forget ended with warnings"),
    ],
)
def test_titles(event, title):
    assert wording.title(event) == title


@pytest.mark.parametrize(("seconds", "words"), [(59, "59 s"), (600, "10 min"), (7200, "2 h"), (200_000, "2 d")])
def test_silence_in_the_largest_unit_that_fits(seconds, words):
    assert wording.silence_title("web-01", seconds) == f"web-01: agent silent for {words}"


@pytest.mark.parametrize(
    ("q", "query"),
    [("web-0", "'web':* & '0':*"), ("  MAIL ", "'mail':*"), ("", None), ("':* | '", None), (None, None)],
)
def test_a_search_is_words_and_nothing_else(q, query):
    assert prefixes(q) == query


def test_findings_without_any_are_no_evidence():
    assert rules.overall([]) is Evidence.NONE
    assert [rules.overall(list(pair)) for pair in itertools.product([Evidence.APPLIED, Evidence.LATE], repeat=2)] == [
        "applied", "applied", "applied", "late"]  # fmt: skip

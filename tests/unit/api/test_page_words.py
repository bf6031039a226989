"""What pages of hosts and jobs say in words."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.pages import agent_command, summaries, wording
from shared.reasons import REASONS
from shared.vocabulary import ErrorClass, Evidence


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1536, "1.5 KiB"),
        (48 * 1024**2, "48 MiB"),
        (1.4 * 1024**3, "1.4 GiB"),
        (2**63, "8.0 EiB"),
    ],
)
def test_a_size_is_said_in_the_unit_that_fits(count, said):
    assert wording.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.84, "0.8 s"),
        (42, "42 s"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds, said):
    assert wording.duration(timedelta(seconds=seconds)) == said


def test_progress_says_what_is_known_of_it():
    assert wording.done_so_far({"percent": 41.6, "bytes_done": 1536, "files_done": 1}) == "42 %, 1.5 KiB, 1 file"
    assert wording.done_so_far({"percent": 0.0, "bytes_done": 0, "files_done": 0}) == "0 %"
    assert wording.done_so_far(None) == "just begun"


def test_every_evidence_and_every_class_but_the_unknown_has_words():
    assert set(wording.EVIDENCE) == set(Evidence)
    assert set(REASONS) == set(ErrorClass) - {ErrorClass.OTHER}
    assert wording.evidence(None, judge_away=True) != wording.evidence(None, judge_away=False)


def test_a_summary_of_a_backup_is_told_as_facts():
    summary = {
        "snapshot_id": "abc", "files_new": 12, "files_changed": 3, "files_unmodified": 4000,
        "total_bytes_processed": 1536, "data_added": 0, "total_duration": 2.5, "missing_paths": ["/srv/mail"],
        "unreadable_files": 1, "errors": [{"item": "/etc/shadow", "message": "permission denied"}],
    }  # fmt: skip

    assert summaries.facts(summary) == [
        ("Snapshot", "abc"),
        ("Files", "12 new, 3 changed, 4,000 unmodified"),
        ("Files unreadable", "1"),
        ("Size", "1.5 KiB"),
        ("Added to the repository", "0 bytes"),
        ("restic took", "2.5 s"),
        ("Missing path", "/srv/mail"),
        ("Error", "/etc/shadow: permission denied"),
    ]


def test_a_forget_is_told_by_the_names_of_its_groups():
    summary = {
        "groups": [
            {"source_group_id": "g1", "kept": 7, "removed": 2},
            {"source_group_id": "g2", "kept": 1, "removed": 0},
        ]
    }

    told = summaries.facts(summary, {"g1": "mail"})

    assert told == [("mail", "7 snapshots kept, 2 removed"), ("A source group", "1 snapshot kept, 0 removed")]


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
known = st.sampled_from(
    ["snapshot_id", "files_new", "total_bytes_processed", "total_duration", "errors", "groups", "num_errors"]
)


@given(st.dictionaries(known | st.text(), json, max_size=8))
def test_whatever_somebody_reports_as_a_summary_can_be_shown(summary):
    assert all(isinstance(label, str) and isinstance(value, str) for label, value in summaries.facts(summary))


def test_an_address_is_quoted_for_the_shell_and_plain_http_is_warned_of_off_this_machine():
    command = agent_command.agent_command("http://keepwatch.lan:8480/$(reboot)")

    assert "--server 'http://keepwatch.lan:8480/$(reboot)' --token-file" in command.run
    assert command.plain
    assert not agent_command.agent_command("https://keepwatch.lan").plain
    assert not agent_command.agent_command("http://127.0.0.1:8480").plain
    assert not agent_command.agent_command("http://[::1]:8480").plain


@pytest.mark.parametrize(("told", "shown"), [(-50, 0.0), (41.5, 41.5), (120, 100.0), ("x", 0.0), (None, 0.0)])
def test_how_far_a_job_is_stays_within_what_can_be(told, shown):
    assert wording.percent({"percent": told}) == shown

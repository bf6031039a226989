"""What restic of every version says, and what it means."""

import json

import pytest

from agent.engines import classify, restic_output, verdicts
from agent.engines.restic_output import Progress, Said, listen
from agent.engines.restic_program import Ended
from shared.vocabulary import ErrorClass, TerminalStatus

# As restic 0.14.0, 0.18.0 and 0.19.1 said them.
LOCK = (
    "unable to create lock in backend: repository is already locked by PID 5414 on vm by root (UID 0, GID 0)\n"
    "lock was created at 2026-11-24 04:24:19 (1.26548965s ago)\nstorage ID 85820118"
)
QUESTION = "Is there a repository at the following location?\n"


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (10, "", ErrorClass.REPO_MISSING),
        (11, "", ErrorClass.LOCKED),
        (12, "", ErrorClass.WRONG_PASSWORD),
        (130, "", ErrorClass.INTERRUPTED),
        (-15, "", ErrorClass.INTERRUPTED),
        (143, "", ErrorClass.INTERRUPTED),
        (137, "", ErrorClass.OTHER),
        (-9, "", ErrorClass.OTHER),
        (2, "panic: runtime error", ErrorClass.OTHER),
        (99, "", ErrorClass.OTHER),
        (1, LOCK, ErrorClass.LOCKED),
        (1, "Fatal: wrong password or no key found", ErrorClass.WRONG_PASSWORD),
        (
            1,
            f"Fatal: unable to open config file: stat /r/config: no such file or directory\n{QUESTION}/r",
            ErrorClass.REPO_MISSING,
        ),
        (
            1,
            f"Fatal: unable to open config file: <config/> does not exist\n{QUESTION}rest:http://h/",
            ErrorClass.REPO_MISSING,
        ),
        (
            1,
            f"Fatal: unable to open config file: client.Head: dial tcp: lookup h: no such host\n{QUESTION}",
            ErrorClass.REPO_UNREACHABLE,
        ),
        (
            1,
            f"Fatal: unable to open config file: dial tcp 127.0.0.1:9: connect: connection refused\n{QUESTION}",
            ErrorClass.REPO_UNREACHABLE,
        ),
        (1, "Fatal: unable to save snapshot: write /r/data/a1: no space left on device", ErrorClass.NO_SPACE),
        (1, "Fatal: all target directories/files do not exist", ErrorClass.SOURCE_MISSING),
        (1, "Fatal: all source directories/files do not exist", ErrorClass.SOURCE_MISSING),
        (1, "Fatal: failed to refresh lock in time", ErrorClass.INTERRUPTED),
        (1, "Fatal: unable to open config file: permission denied", ErrorClass.OTHER),
        (1, "Fatal: repository contains errors", ErrorClass.OTHER),
    ],
)
def test_why_restic_failed(code, text, expected):
    assert classify.error_class(code, text) is expected


def said(*lines):
    heard = Said()
    for line in lines:
        listen(heard, line if isinstance(line, str) else json.dumps(line))
    return heard


SUMMARY = {"message_type": "summary", "files_new": 1, "snapshot_id": "77cf3226"}
UNREADABLE_014 = {
    "message_type": "error",
    "error": {"Op": "read", "Path": "/proc/self/mem", "Err": 5},
    "during": "archival",
    "item": "/proc/self/mem",
}
UNREADABLE_018 = {
    "message_type": "error",
    "error": {"message": "failed to save /proc/self/mem: read /proc/self/mem: input/output error"},
    "during": "archival",
    "item": "/proc/self/mem",
}
EXIT_3 = {"message_type": "exit_error", "code": 3, "message": "Warning: at least one source file could not be read"}


@pytest.mark.parametrize(
    ("code", "lines", "missing", "status", "error_class", "message"),
    [
        (0, [SUMMARY], [], TerminalStatus.SUCCEEDED, None, None),
        (0, [], [], TerminalStatus.FAILED, ErrorClass.OTHER, "without a snapshot"),
        (0, [{"message_type": "summary"}], [], TerminalStatus.FAILED, ErrorClass.OTHER, "without a snapshot"),
        (3, [], [], TerminalStatus.FAILED, ErrorClass.OTHER, "without a snapshot"),
        (
            3,
            [SUMMARY, EXIT_3, UNREADABLE_018],
            [],
            TerminalStatus.WARNING,
            ErrorClass.SOURCE_UNREADABLE,
            "1 file unreadable:",
        ),
        (3, [SUMMARY, UNREADABLE_014], [], TerminalStatus.WARNING, ErrorClass.SOURCE_UNREADABLE, "input/output error"),
        (
            3,
            [SUMMARY, EXIT_3],
            ["/gone"],
            TerminalStatus.WARNING,
            ErrorClass.SOURCE_MISSING,
            "1 of 2 paths missing: /gone",
        ),
        (0, [SUMMARY], ["/gone"], TerminalStatus.WARNING, ErrorClass.SOURCE_MISSING, "1 of 2 paths missing: /gone"),
        (
            0,
            ["/gone does not exist, skipping", SUMMARY],
            [],
            TerminalStatus.WARNING,
            ErrorClass.SOURCE_MISSING,
            "1 of 2",
        ),
        (
            1,
            ["Fatal: wrong password or no key found"],
            [],
            TerminalStatus.FAILED,
            ErrorClass.WRONG_PASSWORD,
            "Fatal: wrong",
        ),
        (1, ["noise", *LOCK.splitlines()], [], TerminalStatus.FAILED, ErrorClass.LOCKED, "unable to create lock"),
    ],
)
def test_how_a_backup_ended(code, lines, missing, status, error_class, message):  # noqa: PLR0913, PLR0917  one row
    heard = said(*lines)

    outcome = verdicts.backup(Ended(code, heard, ""), ["/etc", "/gone"], missing)

    assert (outcome.status, outcome.error_class, outcome.exit_code) == (status, error_class, code)
    assert (message is None) is (outcome.message is None)
    assert message is None or message in outcome.message


def test_a_file_that_scan_and_archival_both_stumble_over_counts_once():
    scanned = UNREADABLE_018 | {"during": "scan"}

    assert said(scanned, UNREADABLE_018).unreadable == 1


def test_many_unreadable_files_are_counted_and_some_are_kept():
    heard = said(*({"message_type": "error", "error": {"message": "denied"}, "item": f"/{i}"} for i in range(500)))

    assert (heard.unreadable, len(heard.items)) == (500, restic_output.MOST_ITEMS)


@pytest.mark.parametrize("line", ["", "{", "[1]", "null", "7", '{"a":', "\x1b[2K", "warning: ssh said {}", "{" * 5000])
def test_lines_that_are_no_messages_are_no_harm(line):
    said(line, {}, {"message_type": 7}, {"message_type": "error"}, {"message_type": "error", "error": "x", "item": 7})


def test_progress_has_zero_where_restic_leaves_a_field_out():
    assert listen(Said(), '{"message_type":"status","percent_done":0.25,"bytes_done":7}') == Progress(25.0, 7, 0)
    assert listen(Said(), '{"message_type":"status"}') == Progress(0.0, 0, 0)
    assert listen(Said(), '{"message_type":"status","percent_done":"x","bytes_done":null}') == Progress(0.0, 0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("restic 0.14.0 compiled with go1.19.8 on linux/amd64", ("0.14.0", (0, 14))),
        ("restic 0.19.1 compiled with go1.26.4 on linux/amd64", ("0.19.1", (0, 19))),
        ("restic 0.20.0-dev (compiled manually)", ("0.20.0-dev", (0, 20))),
        ("bash: restic: command not found", None),
        ("", None),
    ],
)
def test_the_version(text, expected):
    assert restic_output.version(text) == expected


def test_the_first_document_is_found_among_text():
    text = 'repository 957948 opened\n[{"keep": [1], "remove": null}]\n[0:00] 100.00%  3 / 3\n'

    assert restic_output.first_document(text) == [{"keep": [1], "remove": None}]
    assert verdicts.counts(text) == {"kept": 1, "removed": 0}
    assert verdicts.counts("no json") == {"kept": 0, "removed": 0}


def test_a_check_that_found_errors_says_which():
    heard = said(
        {"message_type": "error", "message": "pack 957948: unexpected file size"}, "Fatal: repository contains errors"
    )

    outcome = verdicts.maintenance(Ended(1, heard, ""))

    assert outcome.message == "Fatal: repository contains errors\npack 957948: unexpected file size"


def test_a_check_that_counts_errors_failed_whatever_its_exit_code():
    heard = said({"message_type": "summary", "num_errors": 2})

    assert verdicts.maintenance(Ended(0, heard, "")).status is TerminalStatus.FAILED


def test_forget_with_a_snapshot_left_over_is_a_warning():
    assert verdicts.forget(Ended(3, said(EXIT_3), ""), []).status is TerminalStatus.WARNING
    assert verdicts.forget(Ended(0, said(), ""), []) is None

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.pages.failing_lines import LINES_AFTER, LONGEST_LINE, MOST_LINES, excerpt


def lines(raw: bytes, *, whole: bool = True) -> list[str]:
    return [line.text for line in excerpt(raw, whole=whole).lines]


def marked(raw: bytes) -> list[str]:
    return [line.text for line in excerpt(raw, whole=True).lines if line.failing]


def test_the_lines_before_the_last_failing_one_are_shown_and_a_few_after_it():
    log = [f"line {number}" for number in range(200)]
    log[20] = "error: open /a: permission denied"
    log[100] = "Fatal: unable to save snapshot"
    found = excerpt("\n".join(log).encode(), whole=True)

    assert len(found.lines) == MOST_LINES
    assert found.lines[-1].text == f"line {100 + LINES_AFTER}"
    assert [line.text for line in found.lines if line.failing] == ["Fatal: unable to save snapshot"]
    assert (found.more_before, found.more_after) == (True, True)


def test_without_a_failing_line_the_end_is_shown():
    log = "\n".join(f"line {number}" for number in range(200)).encode()

    assert lines(log)[-1] == "line 199"
    assert not excerpt(log, whole=True).more_after


def test_a_short_log_is_shown_whole():
    found = excerpt(b"one\nerror: two\n", whole=True)

    assert [line.text for line in found.lines] == ["one", "error: two"]
    assert (found.more_before, found.more_after) == (False, False)


def test_the_rest_of_a_line_that_was_cut_is_left_out():
    assert lines(b"\xa4 half a line\nFatal: x", whole=False) == ["Fatal: x"]
    assert excerpt(b"half\nFatal: x", whole=False).more_before


@pytest.mark.parametrize(
    "line", ["0 errors", "no errors were found", "scanned terrors.txt", "processed 12 files", "added to the repository"]
)
def test_what_does_not_fail_is_not_marked(line):
    assert marked(line.encode()) == []


@pytest.mark.parametrize(
    "line",
    [
        "Fatal: wrong password or no key found",
        "error: lstat /srv: no such file or directory",
        '{"message_type":"error","error":{"message":"open /x: permission denied"}}',
        "Save(<data/2af4>) returned error, retrying: no space left on device",
        "subprocess failed to run",
    ],
)
def test_what_fails_is_marked(line):
    assert marked(line.encode()) == [line]


def test_a_terminal_s_tricks_are_seen_as_their_result():
    assert lines(b"10%\r20%\r\x1b[31mdone\x1b[0m\r\nnext") == ["done", "next"]


def test_letters_that_turn_the_line_around_are_replaced():
    assert lines("safe\u202eexe.txt".encode()) == ["safe\ufffdexe.txt"]


def test_a_line_without_end_is_cut():
    (line,) = lines(b"x" * 1_000_000)

    assert len(line) == LONGEST_LINE + 1


@given(st.binary(max_size=4000), st.booleans())
def test_any_bytes_can_be_shown(raw, whole):
    found = excerpt(raw, whole=whole)

    assert len(found.lines) <= MOST_LINES
    shown = {character for line in found.lines for character in line.text}
    assert {character for character in shown if category(character) == "Cc"} <= {"\t"}

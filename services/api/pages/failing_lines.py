"""The part of a job's log that says what failed."""

import re
from dataclasses import dataclass

TAIL_BYTES = 256 * 1024
MOST_LINES = 40
LINES_AFTER = 5
LONGEST_LINE = 500

FAILING = re.compile(
    r"\bfatal\b|\bpanic\b|(?<!\bno )(?<!\b0 )\berrors?\b|\bfail(?:ed|ure|ures|s)?\b|\bdenied\b|\bunable to\b"
    r"|\bcannot\b|\bno space left\b|\bno such file\b|\btimed out\b|\bnot allowed\b",
    re.IGNORECASE,
)
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


def printable(text: str) -> str:
    """What a program said, without the colours and movements that a terminal makes of it."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", ESCAPES.sub("", text).replace("\r\n", "\n"))


@dataclass(frozen=True)
class Line:
    """A line as it may be shown."""

    text: str
    failing: bool


@dataclass(frozen=True)
class Excerpt:
    """Lines of a log around its last failing one, or its last lines when none says that it fails."""

    lines: list[Line]
    more_before: bool
    more_after: bool


def excerpt(raw: bytes, *, whole: bool) -> Excerpt:
    """What to show of the end of a log, `whole` if that is all of it, whatever bytes are in there."""
    texts = raw.decode(errors="replace").rstrip().split("\n")
    if not whole and len(texts) > 1:
        texts = texts[1:]  # the first is the rest of a line
    lines = [_line(text) for text in texts]
    last = max((number for number, line in enumerate(lines) if line.failing), default=len(lines) - 1)
    end = min(last + 1 + LINES_AFTER, len(lines))
    start = max(end - MOST_LINES, 0)
    return Excerpt(lines[start:end], more_before=start > 0 or not whole, more_after=end < len(lines))


def _line(text: str) -> Line:
    # As on a terminal: what follows a carriage return has written over what was before it.
    seen = ESCAPES.sub("", text).rstrip("\r").rpartition("\r")[2]
    readable = printable(seen)
    shown = readable[:LONGEST_LINE] + ("…" if len(readable) > LONGEST_LINE else "")
    return Line(shown, bool(FAILING.search(readable[: 4 * LONGEST_LINE])))

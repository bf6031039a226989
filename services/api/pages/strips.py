"""Small drawings of a source group's month: a strip of days and the trend of its size, as few SVG paths."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from services.api.pages import wording
from shared.asks.fleet import DAYS_PER_SIZE
from shared.vocabulary import DayOutcome

DAY_WIDTH = 8
STRIP_HEIGHT = 20
# Each outcome has a height of its own, so that the strip is read without its colours: the worse, the taller.
BARS = {
    DayOutcome.NOTHING: "M{x} 17V20",
    DayOutcome.SUCCEEDED: "M{x} 9V20",
    DayOutcome.WARNING: "M{x} 10V20M{x} 3V7",
    DayOutcome.FAILED: "M{x} 0V20",
}
WORDS = {
    DayOutcome.SUCCEEDED: "succeeded",
    DayOutcome.WARNING: "with warnings",
    DayOutcome.FAILED: "failed",
    DayOutcome.NOTHING: "nothing ran",
}
TREND_WIDTH, TREND_HEIGHT, TREND_MARGIN = 64, 20, 2
LEAST_RANGE = 0.1
"""A trend's height stands for at least so much of its size: a change of nothing much looks like nothing much."""


@dataclass(frozen=True)
class Strip:
    """The days of a month as bars, one path per outcome that occurs; `days` has its first letter for each day."""

    paths: list[tuple[DayOutcome, str]]
    days: str
    label: str


@dataclass(frozen=True)
class Trend:
    """How a size went; without `path` there is nothing to compare it with."""

    size: str
    path: str | None
    end: tuple[float, float]
    label: str


def strip(days: Sequence[DayOutcome], today: date) -> Strip:
    """A strip of days that ends with `today`."""
    drawn: dict[DayOutcome, list[str]] = {}
    for place, outcome in enumerate(days):
        drawn.setdefault(outcome, []).append(bar(outcome, place))
    paths = [(outcome, "".join(bars)) for outcome, bars in sorted(drawn.items())]
    return Strip(paths, "".join(outcome[0] for outcome in days), _label(days, today))


@cache
def bar(outcome: DayOutcome, place: int = 0) -> str:
    """The bar of one day."""
    return BARS[outcome].format(x=place * DAY_WIDTH + DAY_WIDTH // 2)


def _label(days: Sequence[DayOutcome], today: date) -> str:
    counts = Counter(days)
    told = ", ".join(f"{counts[outcome]} {word}" for outcome, word in WORDS.items() if counts[outcome])
    sentence = f"Last {len(days)} days: {told}"
    if not counts[DayOutcome.FAILED]:
        return sentence
    ago = list(reversed(days)).index(DayOutcome.FAILED)
    last = today - timedelta(days=ago)
    return f"{sentence}; last failed on {last.day} {last:%B}"


def trend(sizes: Sequence[int | None]) -> Trend | None:
    """The trend of these sizes, each of three days; None where none is known."""
    known = [(place, size) for place, size in enumerate(sizes) if size is not None]
    if not known:
        return None
    (first_place, first), (last_place, last) = known[0], known[-1]
    points = _points(known, len(sizes))
    said = wording.size(last)
    if len(known) == 1:
        return Trend(said, None, points[-1], said)
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
    span = (last_place - first_place) * DAYS_PER_SIZE
    return Trend(said, path, points[-1], f"{said}, {_change(first, last)} {span} days before")


def _points(known: Sequence[tuple[int, int]], places: int) -> list[tuple[float, float]]:
    values = [size for _, size in known]
    top = max(values)
    span = max(top - min(values), top * LEAST_RANGE) or 1
    step = (TREND_WIDTH - 2 * TREND_MARGIN) / max(places - 1, 1)
    height = TREND_HEIGHT - 2 * TREND_MARGIN
    return [
        (round(TREND_MARGIN + place * step, 1), round(TREND_MARGIN + height * (top - size) / span, 1))
        for place, size in known
    ]


def _change(first: int, last: int) -> str:
    percent = round(100 * (last - first) / first) if first else 0
    if percent == 0 and (first or not last):
        return "about as much as"
    if not first:
        return "more than the nothing of"
    return f"{abs(percent)} % {'more' if percent > 0 else 'less'} than"

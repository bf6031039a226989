"""A month of a source group, drawn."""

import re
from datetime import date

import pytest

from services.api.pages.strips import BARS, DAY_WIDTH, bar, strip, trend
from shared.vocabulary import DayOutcome

N, S, W, F = DayOutcome
TODAY = date(2026, 3, 31)


def height(outcome):
    """How far the bar reaches up."""
    return 20 - min(int(part) for part in re.findall(r"M\d+ (\d+)V", bar(outcome)))


def test_the_worse_a_day_the_taller_its_bar():
    heights = [height(outcome) for outcome in (N, S, W, F)]

    assert heights == sorted(set(heights))
    assert set(BARS) == set(DayOutcome)


def test_a_strip_is_one_path_per_outcome_and_every_day_has_its_place():
    drawn = strip([S, F, S, N, W], TODAY)

    assert [outcome for outcome, _ in drawn.paths] == sorted([S, F, N, W])
    assert drawn.days == "sfsnw"
    places = {
        outcome: sorted({int(x) // DAY_WIDTH for x in re.findall(r"M(\d+) ", path)}) for outcome, path in drawn.paths
    }
    assert places == {S: [0, 2], F: [1], N: [3], W: [4]}


@pytest.mark.parametrize(
    ("days", "label"),
    [
        ([N] * 30, "Last 30 days: 30 nothing ran"),
        ([S] * 29 + [W], "Last 30 days: 29 succeeded, 1 with warnings"),
        ([F, *[S] * 9, F, N], "Last 12 days: 9 succeeded, 2 failed, 1 nothing ran; last failed on 30 March"),
        ([S] * 29 + [F], "Last 30 days: 29 succeeded, 1 failed; last failed on 31 March"),
    ],
)  # fmt: skip
def test_a_strip_says_in_sum_what_it_shows(days, label):
    assert strip(days, TODAY).label == label


def points(drawn):
    return [tuple(map(float, point.split())) for point in drawn.path[1:].split("L")]


def test_a_trend_goes_up_where_sizes_grow_and_ends_with_the_last_known():
    drawn = trend([None, 1_024, None, 1_536, 2_048, None])

    (x1, y1), (x2, y2), (x3, y3) = points(drawn)
    assert x1 < x2 < x3
    assert y1 > y2 > y3
    assert drawn.end == (x3, y3)
    assert (drawn.size, drawn.label) == ("2.0 KiB", "2.0 KiB, 100 % more than 9 days before")


def test_a_change_of_nothing_much_looks_like_nothing_much():
    (_, first), (_, last) = points(trend([100_000, 100_100]))

    assert abs(first - last) < 1
    assert trend([100_000, 100_100]).label.endswith("about as much as 3 days before")


@pytest.mark.parametrize(
    ("sizes", "label"),
    [
        ([2_000, 500], "500 bytes, 75 % less than 3 days before"),
        ([0, 500], "500 bytes, more than the nothing of 3 days before"),
        ([0, 0], "0 bytes, about as much as 3 days before"),
        ([None, 7], "7 bytes"),
    ],
)
def test_a_trend_says_what_it_shows(sizes, label):
    assert trend(sizes).label == label


def test_a_single_size_is_no_trend_and_none_at_all_is_nothing():
    assert trend([None, 7]).path is None
    assert trend([None, None]) is None

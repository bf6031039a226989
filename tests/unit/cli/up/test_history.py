"""The demo's month."""

from datetime import date, datetime, timedelta

import pytest

from cli.up.demo.fleet import FLEET
from cli.up.demo.history import DAYS, STORIES, tell

TODAY = date(2026, 3, 31)
GROUPS = [(host, group) for host, groups in FLEET.items() for group in groups]


def nights(host, group, size=1_000_000, today=TODAY):
    return list(tell(host, group, size, today))


def test_every_group_has_a_story():
    assert set(STORIES) == {(host, group.name) for host, group in GROUPS}


@pytest.mark.parametrize(("host", "group"), GROUPS, ids=lambda part: getattr(part, "name", part))
def test_a_month_is_before_today_and_stays_the_same_all_day(host, group):
    told = nights(host, group)

    days = [datetime.fromisoformat(night["started_at"]).date() for night in told]
    assert days == sorted(set(days))
    assert TODAY - timedelta(days=DAYS) <= days[0] <= days[-1] == TODAY - timedelta(days=1)
    assert all(night["started_at"] < night["finished_at"] for night in told)
    assert told == nights(host, group)


@pytest.mark.parametrize(("host", "group"), GROUPS, ids=lambda part: getattr(part, "name", part))
def test_sizes_grow_towards_what_is_there(host, group):
    sizes = [night["summary"].get("total_bytes_processed") for night in nights(host, group)]
    known = [size for size in sizes if size is not None]

    assert known[0] < known[-1] <= 1_000_000
    assert known[-1] > 950_000


def test_there_is_every_kind_of_night():
    endings = {night["status"] for host, group in GROUPS for night in nights(host, group)}
    mail = {group.name: nights(host, group) for host, group in GROUPS}["mail"]

    assert endings == {"succeeded", "warning", "failed"}
    assert "failed failed failed" in " ".join(night["status"] for night in mail)
    assert min(len(nights(host, group)) for host, group in GROUPS) == 12


def test_without_a_size_nothing_is_said_of_sizes():
    assert all(night["summary"] == {} for night in nights("db-01", FLEET["db-01"][0], size=None))

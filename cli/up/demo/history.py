"""A month that the demo's groups look back on: made up, marked as such, and told to nobody."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from cli.client.api import Api
from cli.up.demo.fleet import FLEET, DemoFolder, Group
from cli.up.options import Options

DAYS = 30
NIGHT = time(2, 30, tzinfo=UTC)
Fields = Mapping[str, Any]
UNREACHABLE: Fields = {
    "status": "failed",
    "error_class": "repo_unreachable",
    "exit_code": 1,
    "message": "Fatal: unable to open config file: dial tcp 10.0.8.2:8000: connect: no route to host",
}
LOCKED: Fields = {
    "status": "failed",
    "error_class": "locked",
    "exit_code": 11,
    "message": "unable to create lock in backend: repository is already locked exclusively by PID 4711 on backup-02",
}
NO_SPACE: Fields = {
    "status": "failed",
    "error_class": "no_space",
    "exit_code": 1,
    "message": "Fatal: unable to save snapshot: write data/5f: no space left on device",
}
UNREADABLE: Fields = {
    "status": "warning",
    "error_class": "source_unreadable",
    "exit_code": 3,
    "message": "3 files unreadable: permission denied",
}


@dataclass(frozen=True)
class Story:
    """How a group's month went, told by days ago; a night without a word went well."""

    growth: float
    """What a night adds, as a part of the whole."""
    seconds: tuple[int, int]
    """How long a backup takes, from and to."""
    nights: Mapping[int, Fields] = field(default_factory=dict)
    silent: frozenset[int] = frozenset()
    """Nothing ran."""
    began: int = DAYS


STORIES = {
    ("web-01", "etc"): Story(0.0005, (3, 9), {6: UNREADABLE, 23: UNREADABLE}),
    ("web-01", "mail"): Story(0.004, (40, 95), {14: UNREACHABLE, 15: UNREACHABLE, 16: UNREACHABLE, 25: LOCKED}),
    ("web-01", "databases"): Story(0.01, (60, 140), {19: LOCKED}),
    ("db-01", "etc"): Story(0.0005, (3, 9), silent=frozenset({9, 10})),
    ("db-01", "databases"): Story(0.012, (300, 520), {4: UNREADABLE, 20: LOCKED}),
    ("nas-01", "photos"): Story(0.03, (700, 1900), {5: NO_SPACE}, began=12),
}


async def record(api: Api, folder: DemoFolder, options: Options, hosts: Mapping[str, str]) -> None:
    """Write what is missing of the month before today."""
    today, backups = datetime.now(UTC).date(), []
    for name, groups in FLEET.items():
        known = {group["name"]: group["id"] for group in await api.newest(f"/hosts/{hosts[name]}/source-groups")}
        for group in groups:
            told = tell(name, group, _size(folder, name, group), today)
            backups += [{"source_group_id": known[group.name], **backup} for backup in told if group.name in known]
    async with api.http.post(f"{options.local_url}/demo/history", json={"backups": backups}) as answer:
        answer.raise_for_status()


def tell(host: str, group: Group, size: int | None, today: date) -> Iterator[dict[str, Any]]:
    """The nights of a group up to yesterday, always the same for the same day; `size` is what it comes to by then."""
    story = STORIES[host, group.name]
    for ago in range(story.began, 0, -1):
        if ago in story.silent:
            continue
        day = today - timedelta(days=ago)
        chance = random.Random(f"{host}/{group.name}/{day}")  # noqa: S311  a story, no secret
        began = datetime.combine(day, NIGHT) + timedelta(seconds=chance.uniform(1, 50))
        ended = story.nights.get(ago, {"status": "succeeded", "exit_code": 0})
        seconds = chance.uniform(*story.seconds) * (0.3 if ended["status"] == "failed" else 1)
        total = None if size is None else size * (1 - story.growth) ** ago * chance.uniform(0.997, 1)
        yield {
            **ended,
            "started_at": began.isoformat(),
            "finished_at": (began + timedelta(seconds=seconds)).isoformat(),
            "summary": _summary(total, story.growth, seconds, ended),
        }


def _summary(total: float | None, growth: float, seconds: float, ended: Fields) -> dict[str, Any]:
    if total is None or ended["status"] == "failed":
        return {}
    unreadable = {"unreadable_files": 3} if ended["status"] == "warning" else {}
    return {
        "total_bytes_processed": round(total),
        "data_added": round(total * growth),
        "total_duration": round(seconds, 2),
        **unreadable,
    }


def _size(folder: DemoFolder, host: str, group: Group) -> int | None:
    """What a backup of the group reads today; null where the demo's command does not tell."""
    if group.not_allowed or not folder.restic:
        return None
    # A group whose folder is missing now once had what its host's others have.
    sources = (folder.source(host, name) for name in (group.name, *(each.name for each in FLEET[host])))
    return sum(_sizes(next(source for source in sources if source.exists())))


def _sizes(source: Path) -> Iterator[int]:
    return (path.stat().st_size for path in source.rglob("*") if path.is_file())

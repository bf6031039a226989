"""What a job's summary says, as facts a person can read; whatever is in it, since anybody may report one."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.api.pages.wording import duration, size

MOST_SHOWN = 20
LONGEST = 300
SIZES = {
    "total_bytes_processed": "Size",
    "data_added": "Added to the repository",
    "data_added_packed": "Added, compressed",
}
COUNTS = {
    "total_files_processed": "Files in the snapshot",
    "unreadable_files": "Files unreadable",
    "num_errors": "Errors found",
}
NEWS = ("new", "changed", "unmodified")
TOLD_ELSEWHERE = {"total_duration", "snapshot_id", "missing_paths", "errors", "groups", "backup_start", "backup_end"}
TOLD_ELSEWHERE |= {f"{what}_{how}" for what in ("files", "dirs") for how in NEWS}

Fact = tuple[str, str]


def facts(summary: Mapping[str, Any] | None, groups: Mapping[str, str] | None = None) -> list[Fact]:
    """Labels and values, the important ones first; `groups` are the names of source groups by their id."""
    told = summary or {}
    found = [*_snapshot(told), *_known(told), *_lists(told), *_forgotten(told, groups or {})]
    return [*found, *_others(told)][: MOST_SHOWN * 2]


def _snapshot(told: Mapping[str, Any]) -> Iterator[Fact]:
    if isinstance(snapshot := told.get("snapshot_id"), str):
        yield "Snapshot", snapshot[:LONGEST]
    for what, label in (("files", "Files"), ("dirs", "Folders")):
        counts = [(told.get(f"{what}_{how}"), how) for how in NEWS]
        if any(_is_number(count) for count, _ in counts):
            yield label, ", ".join(f"{count:,} {how}" for count, how in counts if _is_number(count))


def _known(told: Mapping[str, Any]) -> Iterator[Fact]:
    for key, label in COUNTS.items():
        if _is_number(told.get(key)):
            yield label, f"{told[key]:,}"
    for key, label in SIZES.items():
        if _is_number(told.get(key)):
            yield label, size(told[key])
    if _is_number(told.get("total_duration")):
        yield "restic took", duration(told["total_duration"])


def _lists(told: Mapping[str, Any]) -> Iterator[Fact]:
    for path in _items(told, "missing_paths"):
        yield "Missing path", str(path)[:LONGEST]
    for error in _items(told, "errors"):
        if isinstance(error, Mapping):
            item, message = str(error.get("item", "")), str(error.get("message", ""))
            yield "Error", (message if item in message else f"{item}: {message}")[:LONGEST]


def _forgotten(told: Mapping[str, Any], groups: Mapping[str, str]) -> Iterator[Fact]:
    for group in _items(told, "groups"):
        if isinstance(group, Mapping) and _is_number(group.get("kept")) and _is_number(group.get("removed")):
            name = groups.get(str(group.get("source_group_id")), "A source group")
            noun = "snapshot" if group["kept"] == 1 else "snapshots"
            yield name, f"{group['kept']:,} {noun} kept, {group['removed']:,} removed"


def _others(told: Mapping[str, Any]) -> Iterator[Fact]:
    for key, value in told.items():
        if key not in {*SIZES, *COUNTS, *TOLD_ELSEWHERE} and isinstance(value, (str, int, float)):
            yield str(key)[:LONGEST].replace("_", " ").capitalize(), str(value)[:LONGEST]


def _items(told: Mapping[str, Any], key: str) -> list[Any]:
    found = told.get(key)
    return found[:MOST_SHOWN] if isinstance(found, list) else []


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

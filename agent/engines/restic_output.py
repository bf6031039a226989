"""What restic 0.14 to 0.19 print, as values: pure functions, tolerant of lines that are not JSON."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_ITEMS = 20
_VERSION = re.compile(r"restic (\d+)\.(\d+)(\.\d+\S*)?")
_SKIPPED = re.compile(r"(?P<path>/.*) does not exist, skipping")
_ALL_SKIPPED = re.compile(r"all (?:target|source) directories/files do not exist")


@dataclass(frozen=True)
class Progress:
    """How far a backup is."""

    percent: float
    bytes_done: int
    files_done: int


@dataclass
class Said:
    """What one run of restic has said so far that decides about its end."""

    summary: dict[str, Any] | None = None
    unreadable: int = 0
    items: list[dict[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    all_skipped: bool = False
    errors: list[str] = field(default_factory=list)
    exit_error: str | None = None
    texts: list[str] = field(default_factory=list)
    """The last plain lines on stderr, for classification and as a message."""

    @property
    def first_errors(self) -> list[str]:
        """What restic found wrong first, as JSON or in the text of older versions."""
        return (self.errors or self.texts)[:5]

    @property
    def message(self) -> str:
        """The program's own last word on what went wrong; empty if it said nothing."""
        return (self.exit_error or _fatal(self.texts) or "\n".join(self.errors[-1:] or self.texts[-4:])).strip()

    @property
    def everything(self) -> str:
        """All that may hold the reason."""
        return "\n".join([*self.texts, *self.errors, self.exit_error or ""])


def version(text: str) -> tuple[str, tuple[int, int]] | None:
    """`("0.14.0", (0, 14))` from what `restic version` prints; None if it is something else."""
    found = _VERSION.match(text)
    if not found:
        return None
    return f"{found[1]}.{found[2]}{found[3] or ''}", (int(found[1]), int(found[2]))


def parse_line(line: str) -> dict[str, Any] | None:
    """The JSON object on this line; None if it is text."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def first_document(text: str) -> Any:
    """The first JSON document in a text that may have other lines around it; None if there is none."""
    for found in re.finditer(r"^\s*[\[{]", text, re.MULTILINE):
        try:
            return json.JSONDecoder().raw_decode(text[found.start() :].lstrip())[0]
        except (ValueError, RecursionError):
            continue
    return None


def listen(said: Said, line: str) -> Progress | str | None:
    """Take in one line of either stream; the progress it tells, or what the job's log should say."""
    message = parse_line(line)
    if message is None:
        return _listen_to_text(said, line)
    match message.get("message_type"):
        case "status":
            return progress(message)
        case "error":
            return _listen_to_error(said, message)
        case "summary":
            said.summary = {key: value for key, value in message.items() if key != "message_type"}
            return tale(said.summary)
        case "exit_error":
            said.exit_error = str(message.get("message", "")).strip()
    return line


def tale(summary: Mapping[str, Any]) -> str:
    """A summary as a line of the job's log."""
    if "snapshot_id" not in summary:
        return ", ".join(f"{key}: {value}" for key, value in summary.items())
    counts = ", ".join(f"{summary.get(f'files_{word}', 0)} {word}" for word in ("new", "changed", "unmodified"))
    size, added = summary.get("total_bytes_processed", 0), summary.get("data_added", 0)
    return f"snapshot {summary['snapshot_id']} saved: files {counts}; {size} bytes read, {added} bytes added"


def progress(message: Mapping[str, Any]) -> Progress:
    """A `status` line; restic leaves out what is zero."""
    done = message.get("percent_done")
    percent = min(max(done * 100.0, 0.0), 100.0) if isinstance(done, (int, float)) else 0.0
    return Progress(percent, _count(message.get("bytes_done")), _count(message.get("files_done")))


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _listen_to_text(said: Said, line: str) -> str | None:
    text = line.strip().removeprefix("\x1b[2K")
    if not text:
        return None
    if found := _SKIPPED.fullmatch(text):
        said.skipped.append(found["path"])
    said.all_skipped = said.all_skipped or bool(_ALL_SKIPPED.search(text))
    said.texts = [*said.texts[-49:], text]
    return text


def _listen_to_error(said: Said, message: Mapping[str, Any]) -> str:
    reason, item = _reason(message), str(message.get("item", ""))
    # Scan and archival both stumble over the same item; it is one unreadable file.
    if item and not any(known["item"] == item for known in said.items):
        said.unreadable += 1
        if len(said.items) < MOST_ITEMS:
            said.items.append({"item": item, "message": reason})
    if len(said.errors) < MOST_ITEMS:
        said.errors.append(reason)
    return f"error: {item}: {reason}" if item and item not in reason else f"error: {reason}"


def _reason(message: Mapping[str, Any]) -> str:
    """The text of an error: `{"message"}` since 0.17, Go's bare struct before, flat in `check`."""
    error = message.get("error", message)
    if not isinstance(error, Mapping):
        return str(error)
    if error.get("message"):
        return str(error["message"])
    words = [str(error[key]) for key in ("Op", "Path") if error.get(key)]
    number = error.get("Err")
    if isinstance(number, int):
        words.append(os_error(number))
    return " ".join(words) or "could not be read"


def os_error(number: int) -> str:
    """The system's words for an errno."""
    return os.strerror(number).lower()


def _fatal(texts: list[str]) -> str | None:
    """From the last `Fatal:` on, or the lines about a lock, which older versions print without it."""
    for index in range(len(texts) - 1, -1, -1):
        if texts[index].startswith(("Fatal:", "unable to create lock", "panic:")):
            return "\n".join(texts[index : index + 4])
    return None

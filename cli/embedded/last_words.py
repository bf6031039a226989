"""What a process said before it ended."""

from pathlib import Path

CONFESSION = "Error: "


def last_words(log: Path, since: int = 0) -> str:
    """Its sentence about what is wrong, else its last line; `since` is where its part of the log begins, in bytes."""
    said = log.read_bytes()[since:] if log.exists() else b""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    confessions = [line.removeprefix(CONFESSION) for line in lines if line.startswith(CONFESSION)]
    return next(reversed(confessions or lines), "it left no message").rstrip(".")

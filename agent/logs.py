"""The agent's own log on stderr: one line per decision, with ids and the reason."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "taskName"}


def setup(level: str = "INFO", style: Literal["console", "json"] = "console") -> None:
    """Write the `agent` loggers' lines to stderr, for people or for machines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Console())
    logger = logging.getLogger("agent")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def _details(record: logging.LogRecord) -> dict[str, str]:
    details = record.__dict__.items()
    return {key: str(value) for key, value in details if key not in _STANDARD and value is not None}


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class _Console(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        words = [_moment(record), record.levelname.lower(), record.getMessage()]
        words += [f"{key}={value!r}" if " " in value else f"{key}={value}" for key, value in _details(record).items()]
        text = " ".join(words)
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _moment(record), "level": record.levelname.lower(), "event": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line | _details(record))

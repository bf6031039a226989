"""One structured line per decision, for people on a console or as JSON for machines; on stderr."""

import json
import logging
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TextIO

import structlog
from pydantic_core import to_json

_processors: list[structlog.typing.Processor] = []
"""The same list for good: a logger that has been used keeps it, and so follows what is configured later."""


def configure(service: str, level: str = "info", style: Literal["console", "json"] = "console") -> None:
    """Send our lines and the libraries' warnings to stderr in one format."""
    shared: list[structlog.typing.Processor] = [
        _with_trace,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_plain)]
    )
    _processors[:] = [*shared, *renderer]
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(_Lenient(sys.stderr)),  # type: ignore[arg-type]  # all it needs
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Libraries log connection URLs and every request at info; what matters of them is a warning.
    for name in ("nats", "faststream", "uvicorn", "uvicorn.access", "asyncio", "aiohttp", "litestar"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("asyncio").addFilter(_is_news)
    structlog.contextvars.bind_contextvars(service=service)


@dataclass(frozen=True)
class _Lenient:
    """Where lines go; one that cannot be written, as the disk is full or nobody reads, is lost, and nothing else."""

    file: TextIO

    def write(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self.file.write(line)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self.file.flush()


def _json(line: object, **_: object) -> str:
    try:
        return to_json(line, fallback=repr).decode()
    except ValueError:  # text that is no Unicode, e.g. of a file's name
        return json.dumps(line, default=repr)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether nobody knows it yet: a connection that was given up after its deadline may still fail by itself."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, OSError) and "exception was never retrieved" in record.getMessage())


def _with_trace(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A line about a job names the job's trace, by the id that shared.tracing gives it."""
    if job := event.get("job_id"):
        event["trace_id"] = str(job).replace("-", "")
    return event


# Tracebacks with local variables would print secrets.
_plain = structlog.dev.plain_traceback

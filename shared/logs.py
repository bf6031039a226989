"""One structured line per decision, for people on a console or as JSON for machines; on stderr."""

import logging
import sys
from typing import Literal

import structlog


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
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_plain)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
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

"""Traces by OpenTelemetry: one for each job, from its report or its agent's message to the last delivery it led to.

A trace's id is the job's id, and the id of its first span is the end of that: every process can tell to which trace a
message belongs from what is in it, however long it waited in an outbox, and whoever looks at an alert can find the
trace by `raised_job_id`. The W3C header `traceparent` goes along with every message of the stream, for others.

Nothing is traced unless `OTEL_EXPORTER_OTLP_ENDPOINT` (or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) says where to; the
standard's other variables hold as well; who wants only some of the jobs takes `OTEL_TRACES_SAMPLER=traceidratio`, which
every process decides alike.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from shared.trace_ids import first_of, span_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NANOSECONDS = 1_000_000_000
GOODBYE_SECONDS = 2.0
HEADER = "traceparent"
Value = str | int | float | bool


class Tracing:
    """What a process tells of the jobs it works for; does nothing until it is configured."""

    def __init__(self) -> None:
        self._provider: TracerProvider | None = None

    @property
    def on(self) -> bool:
        """Whether anybody listens."""
        return self._provider is not None

    @asynccontextmanager
    async def configured(self, service: str, environ: Mapping[str, str]) -> AsyncIterator[None]:
        """Trace while inside, if the environment says where to; what has been told is sent before the end."""
        if not any(environ.get(name) for name in ENDPOINTS):
            yield
            return
        from shared.trace_exporter import exporting  # noqa: PLC0415  5 MB that nobody else needs

        self._provider = provider = exporting(f"keepwatch-{service}")
        try:
            yield
        finally:
            self._provider = None
            # A collector that does not answer must not hold up the end: what it has not taken by then is lost.
            last = threading.Thread(target=provider.shutdown, daemon=True)
            last.start()
            await asyncio.to_thread(last.join, GOODBYE_SECONDS)

    def first(self, job: UUID, name: str, begun: datetime, ended: datetime, **about: Value) -> None:
        """The job itself, which all else is a part of."""
        if self._provider is None:
            return
        with first_of(job):
            span = self._tracer.start_span(name, start_time=_nanoseconds(begun), attributes=_attributes(job, about))
        span.end(max(_nanoseconds(ended), _nanoseconds(begun)))

    def part(
        self, job: UUID | None, name: str, begun: float, kind: SpanKind = SpanKind.INTERNAL, **about: Value
    ) -> None:
        """Something that was done for the job, from `begun` (of `time.time()`) until now; without a job, nothing."""
        if self._provider is None or job is None:
            return
        parent = SpanContext(job.int, span_id(job), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        span = self._tracer.start_span(
            name,
            context=trace.set_span_in_context(NonRecordingSpan(parent)),
            kind=kind,
            start_time=int(begun * NANOSECONDS),
            attributes=_attributes(job, about),
        )
        span.end(time.time_ns())

    @property
    def _tracer(self) -> trace.Tracer:
        return trace.get_tracer("keepwatch", tracer_provider=self._provider)


tracing = Tracing()
"""This process's."""


def traceparent(job: UUID) -> str:
    """The W3C header of the job's trace."""
    return f"00-{job.int:032x}-{span_id(job):016x}-01"


def job_of(subject: str, payload: bytes | str) -> UUID | None:
    """The job that an event of the stream is about."""
    body = json.loads(payload)
    told = body.get("job_id") if subject.startswith("job.") else (body.get("alert") or {}).get("raised_job_id")
    return UUID(told) if told else None


def _attributes(job: UUID, about: Mapping[str, Value]) -> dict[str, Value]:
    return {"keepwatch.job_id": str(job)} | {f"keepwatch.{name}": value for name, value in about.items()}


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * NANOSECONDS)

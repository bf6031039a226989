"""The ids of a job's trace: any process can tell them from the job's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

SPAN_ID_BITS = 64
_first: ContextVar[UUID | None] = ContextVar("first", default=None)


def span_id(job: UUID) -> int:
    """The id of the first span of the job's trace, of which all others are parts."""
    return job.int % 2**SPAN_ID_BITS or 1


@contextmanager
def first_of(job: UUID) -> Iterator[None]:
    """A span that is started inside is the first of this job's trace."""
    token = _first.set(job)
    try:
        yield
    finally:
        _first.reset(token)


def begun_first() -> UUID | None:
    """The job whose first span is being started, if one is."""
    return _first.get()

"""How an owner says no: a value, not an exception, that the gateway turns into problem details."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class FieldError(BaseModel):
    """What is wrong with one field; `pointer` is a JSON pointer into the request's body (RFC 6901)."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    detail: str


class Refusal(BaseModel):
    """A request that was understood and not carried out; nothing of it was applied."""

    model_config = ConfigDict(frozen=True)

    status: int
    title: str
    detail: str
    errors: list[FieldError] = []
    extra: dict[str, Any] = {}

    @classmethod
    def not_found(cls, what: str) -> Self:
        """404: there is no such thing (any more)."""
        return cls(status=404, title="Not found", detail=f"There is no such {what}.")

    @classmethod
    def conflict(cls, detail: str, **extra: Any) -> Self:
        """409: the request contradicts what is; `extra` (`existing_id`, `job_id`) says with what."""
        return cls(status=409, title="Conflict", detail=detail, extra=extra)

    @classmethod
    def forbidden(cls, detail: str) -> Self:
        """403: known, but not allowed."""
        return cls(status=403, title="Forbidden", detail=detail)

    @classmethod
    def invalid(cls, *errors: tuple[str, str]) -> Self:
        """422: each error is a pointer and what is wrong there."""
        found = [FieldError(pointer=pointer, detail=detail) for pointer, detail in errors]
        first = found[0]
        detail = " ".join(filter(None, [first.pointer.lstrip("/"), first.detail]))
        return cls(status=422, title="Invalid request", detail=detail, errors=found)

    @classmethod
    def unavailable(cls, detail: str) -> Self:
        """503: try again, nothing was decided."""
        return cls(status=503, title="Unavailable", detail=detail)

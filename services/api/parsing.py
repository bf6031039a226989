"""Reading a request: the body and the query as models, every mistake with a pointer to it."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, TypeAlias, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import from_json

from services.api.errors import Problem, invalid, pointer
from shared.asks.fields import Limit, Moment, Text
from shared.refusal import Refusal

Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")
Given: TypeAlias = SkipValidation[NamedDependency[T]]
"""A route's parameter that the application fills in by its name.

`payload: Given[HostCreate]` is the request's body and `asked: Given[HostQuery]` its query, read and validated.
"""

Id: TypeAlias = FromPath[UUID]
"""An id in the path; a malformed one is a 404."""

RARE = re.compile(rb"\\u0000|NaN|Infinity")
"""What JSON parsers or PostgreSQL do not agree on; looked at closely only where these bytes occur."""
MAX_QUERY_FIELDS = 500


def _rfc3339(value: object) -> object:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[Tt ]", value):
        raise ValueError("must be a time such as 2026-01-31T08:00:00Z")
    # A plus sign that was not escaped arrives as a space.
    return re.sub(r" (\d\d:\d\d)$", r"+\1", value) if value.count(":") > 1 else value


Time = Annotated[Moment, BeforeValidator(_rfc3339)]


def _nothing_for_empty(value: object) -> object:
    return None if value == "" else value


OrNothing = BeforeValidator(_nothing_for_empty)
"""A field of a form that was left empty, `Annotated[UUID | None, OrNothing]`."""


class Query(BaseModel):
    """A query: an unknown parameter is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Address(Query):
    """The address of a web page: what mail and chat programs have added to a link is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PageQuery(Query):
    """Which page of a list."""

    limit: Limit = 50
    cursor: Text | None = None


async def read_payload(request: Request[Any, Any, Any]) -> Any:
    """The body as the model that the route's parameter `payload` names; a missing body is `{}`."""
    model = request.route_handler.parsed_fn_signature.parameters["payload"].annotation
    return parse_body(model, await request.body())


def parse_body(model: type[Model], raw: bytes) -> Model:
    """The body as this model; raises a 422 Problem."""
    if RARE.search(raw):
        _refuse_rare(raw)
    try:
        # Strict: a number is no text, and no time either.
        return model.model_validate_json(raw or b"{}", strict=True)
    except ValidationError as error:
        raise invalid(error) from None


def _refuse_rare(raw: bytes) -> None:
    try:
        tree = from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise Problem(Refusal.invalid(("", "is not valid JSON"))) from None
    for place in _nul_characters(tree):
        raise Problem(Refusal.invalid((place, "must not contain a NUL character")))


def _nul_characters(tree: Any, place: str = "") -> Iterator[str]:
    match tree:
        case str() if "\0" in tree:
            yield place
        case list():
            for index, item in enumerate(tree):
                yield from _nul_characters(item, place + pointer(str(index)))
        case dict():
            for key, value in tree.items():
                yield from _nul_characters(key, place)
                yield from _nul_characters(value, place + pointer(key))


async def read_query(request: Request[Any, Any, Any]) -> Any:
    """The query as the model that the route's parameter `asked` names."""
    model = request.route_handler.parsed_fn_signature.parameters["asked"].annotation
    return parse_query(model, request.scope["query_string"])


def parse_query(model: type[Model], raw: bytes) -> Model:
    """The query as this model; a filter that may repeat is a list there. Raises a 422 Problem."""
    try:
        given = parse_qs(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS)
        return model.model_validate({name: _value(model, name, values) for name, values in given.items()})
    except ValidationError as error:
        raise invalid(error, depth=1) from None
    except ValueError:
        raise Problem(Refusal.invalid(("", "the query is not valid"))) from None


def _value(model: type[BaseModel], name: str, values: list[str]) -> list[str] | str:
    field = model.model_fields.get(name)
    if field is not None and isinstance(field.default, list):
        return values
    if len(values) > 1:
        raise Problem(Refusal.invalid((pointer(name), "may be given only once")))
    return values[0]

"""The API's description: `/schema/openapi.json`, and `/schema` to browse it, without anything loaded from elsewhere."""

import json
import re
from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from types import UnionType
from typing import Any, get_args

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Template
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.api.errors import MEDIA_TYPE
from services.api.examples import BODIES, PROBLEM
from shared.refusal import FieldError

PREFIX = "/api/v1"
REF = "#/components/schemas/{model}"
INTRODUCTION = (
    "Lists take `limit` and `cursor` and answer `{items, next_cursor}`. Errors are problem details (RFC 9457). "
    "Send an API token as `Authorization: Bearer TOKEN`."
)


class ProblemDetails(BaseModel):
    """Why a request failed; `errors` says where (422)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


def routes(described: Sequence[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """The two pages that describe these routes."""

    @cache
    def found() -> dict[str, Any]:
        return document(described)

    @get("/schema/openapi.json", sync_to_thread=False)
    def openapi_json() -> Response[bytes]:
        """Show the OpenAPI document."""
        return Response(json.dumps(found()).encode(), media_type="application/json")

    @get("/schema", sync_to_thread=False)
    def openapi_page() -> Template:
        """Show the API for people to browse."""
        return Template("schema.html", context={"document": found(), "pretty": _pretty})

    return [openapi_json, openapi_page]


def document(described: Sequence[HTTPRouteHandler]) -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    wanted = {(model, "validation") for route in described for model in _bodies(route)}
    wanted |= {(model, "serialization") for route in described if (model := _answer(route))}
    ordered = sorted(wanted | {(ProblemDetails, "serialization")}, key=lambda pair: (pair[0].__name__, pair[1]))
    references, definitions = models_json_schema(ordered, ref_template=REF)  # type: ignore[arg-type]  # the modes are literals
    paths: dict[str, Any] = {}
    for route in described:
        (path,) = route.paths
        (method,) = route.http_methods
        shown = PREFIX + re.sub(r"{(\w+):\w+}", r"{\1}", path)
        paths.setdefault(shown, {})[method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Keepwatch", "version": version("keepwatch"), "description": INTRODUCTION},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(route: HTTPRouteHandler, references: dict[Any, Any]) -> dict[str, Any]:
    text = (route.fn.__doc__ or "").strip()
    operation = {
        "operationId": route.fn.__name__,
        "tags": [route.fn.__module__.rpartition(".")[2].replace("_", " ")],
        "summary": text.partition(";")[0].rstrip("."),
        "description": f"{text} Needs the role `{route.opt['role']}`.",
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {**_success(route, references), **_failures(references)},
    }
    bodies = [references[model, "validation"] for model in _bodies(route)]
    if bodies:
        content: dict[str, Any] = {"schema": bodies[0] if len(bodies) == 1 else {"oneOf": bodies}}
        if example := BODIES.get(route.fn.__name__):
            content["example"] = example
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _bodies(route: HTTPRouteHandler) -> list[type[BaseModel]]:
    named = route.opt.get("payload")
    if isinstance(named, UnionType):
        return list(get_args(named))
    payload = route.parsed_fn_signature.parameters.get("payload")
    return [payload.annotation] if payload else []


def _answer(route: HTTPRouteHandler) -> type[BaseModel] | None:
    found = route.parsed_fn_signature.return_type.annotation
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _path_parameters(route: HTTPRouteHandler) -> list[dict[str, Any]]:
    (path,) = route.paths
    names = re.findall(r"{(\w+):", path)
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}} for name in names
    ]


def _query_parameters(route: HTTPRouteHandler) -> list[dict[str, Any]]:
    asked = route.parsed_fn_signature.parameters.get("asked")
    model = asked.annotation if asked else route.opt.get("asked")
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=REF)
    inlined = _inlined(schema, schema.get("$defs", {}))
    return [{"name": name, "in": "query", "schema": each} for name, each in inlined["properties"].items()]


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    match part:
        case {"$ref": str(reference)}:
            return _inlined(definitions[reference.rpartition("/")[2]], definitions)
        case dict():
            return {key: _inlined(value, definitions) for key, value in part.items() if key != "$defs"}
        case list():
            return [_inlined(value, definitions) for value in part]
    return part


def _success(route: HTTPRouteHandler, references: dict[Any, Any]) -> dict[str, Any]:
    model = _answer(route)
    answer: dict[str, Any] = {"description": HTTPStatus(route.status_code).phrase}
    if model:
        answer["content"] = {"application/json": {"schema": references[model, "serialization"]}}
    elif media_type := route.opt.get("produces"):
        answer["content"] = {media_type: {"schema": {"type": "string"}}}
    return {str(route.status_code): answer}


def _failures(references: dict[Any, Any]) -> dict[str, Any]:
    schema = references[ProblemDetails, "serialization"]
    return {"default": {"description": "It failed", "content": {MEDIA_TYPE: {"schema": schema, "example": PROBLEM}}}}


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2)

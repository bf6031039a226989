"""Forms of the web pages: what was typed, and at which field it is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs

from litestar import Request
from pydantic import BaseModel, ValidationError

from services.api import auth, csrf
from services.api.errors import Problem, invalid, pointer
from shared.refusal import Refusal

Model = TypeVar("Model", bound=BaseModel)
MOST_FIELDS = 1000
SHOWN_AGAIN = {409, 422, 429}


@dataclass(frozen=True)
class Form:
    """The fields of a form that was sent, as they were typed."""

    fields: Mapping[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """What was typed, without blanks around it; empty for nothing."""
        return self.fields.get(name, [""])[-1].strip()

    def password(self, name: str) -> str:
        """What was typed, blanks and all."""
        return self.fields.get(name, [""])[-1]

    def optional(self, name: str) -> str | None:
        """What was typed; null for nothing."""
        return self.text(name) or None

    def all(self, name: str) -> list[str]:
        """Every value of a field that may repeat."""
        return self.fields.get(name, [])

    def lines(self, name: str) -> list[str]:
        """The lines of a text, without empty ones."""
        return [line.strip() for line in self.text(name).splitlines() if line.strip()]

    def __contains__(self, name: str) -> bool:
        """Whether a box was ticked, or a field sent at all."""
        return name in self.fields


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """The fields of a form."""
    try:
        body = (await request.body()).decode("ascii")
        fields = parse_qs(body, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem(Refusal.invalid(("", "is not a form"))) from None
    if wrong := [name for name, values in fields.items() if "\0" in name + "".join(values)]:
        raise Problem(Refusal.invalid((pointer(wrong[0]), "must not contain a NUL character")))
    return Form(fields)


async def read_own_form(request: Request[Any, Any, Any], csrf_key: bytes) -> Form:
    """The fields of a form that a page of this session showed; 403 for any other."""
    form = await read_form(request)
    given = form.text("csrf_token") or request.headers.get(csrf.HEADER)
    if not csrf.matches(csrf_key, request.cookies.get(auth.COOKIE, ""), given):
        raise Problem(Refusal.forbidden("The form is too old. Go back, reload the page and try again."))
    return form


def filled_in(model: type[Model], values: Mapping[str, Any]) -> Model:
    """The request body that a form stands for, out of the values of its fields; raises a 422 Problem."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid(error) from None


def needed(form: Form, *names: str) -> None:
    """Raise a 422 Problem for those of these fields that were left empty."""
    if empty := [name for name in names if not form.text(name)]:
        raise Problem(Refusal.invalid(*((f"/{name}", "is required") for name in empty)))


def problems_of(problem: Problem, fields: set[str]) -> dict[str, str]:
    """What to show at which of these fields; what belongs to none of them is under "", for the form as a whole.

    A field of `/repository/url` is called `repository_url`; `/paths/3` is shown at `paths`, and `/labels/my key` too,
    with the key before the sentence. Any other Problem than a mistake in the form is raised again.
    """
    refusal = problem.refusal
    if refusal.status not in SHOWN_AGAIN:
        raise problem
    found: dict[str, str] = {}
    for error in refusal.errors:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in error.pointer.split("/")]
        place, rest = _place([part for part in parts if part and not part.isdigit()], fields)
        sentence = f"{rest} {error.detail}".strip()
        found[place] = "; ".join(filter(None, [found.get(place), sentence]))
    return found or {"": refusal.detail}


def _place(parts: list[str], fields: set[str]) -> tuple[str, str]:
    """The field that so many parts name as can, and what the others say; none of them: the form as a whole."""
    for length in range(len(parts), 0, -1):
        name = "_".join(parts[:length])
        if name in fields:
            return name, " ".join(parts[length:])
    return "", "_".join(parts).replace("_", " ")

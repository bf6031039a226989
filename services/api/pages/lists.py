"""What the addresses of lists hold: filters that may be left empty, and where the next page starts."""

from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from services.api.parsing import Address, OrNothing, PageQuery
from shared.asks.fields import Text

Value = TypeVar("Value")
Asked = Annotated[Value | None, OrNothing]
"""A filter; a field of a form that was left empty asks for nothing."""


class ListQuery(Address, PageQuery):
    """Which part of a list; `done` is what a form says that led to it."""

    cursor: Asked[Text] = None
    done: Text | None = None

    def address(self, path: str, **changes: Any) -> str:
        """The address of this list, or of one that differs in this; from its beginning unless `cursor` is given."""
        asked = self.model_dump(mode="json", exclude={"cursor", "done"}, exclude_defaults=True) | changes
        query = urlencode({name: value for name, value in asked.items() if value}, doseq=True)
        return f"{path}?{query}" if query else path

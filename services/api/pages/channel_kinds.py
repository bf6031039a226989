"""How each kind of channel is filled in: its fields, which of them are secret, and where it leads.

A new kind needs a line in `FORMS` and a template `channel_KIND.html` with its inputs, named `config_FIELD`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Protocol
from urllib.parse import urlsplit

from services.api.errors import Problem, pointer
from services.api.forms import Form
from shared.refusal import Refusal
from shared.vocabulary import ChannelKind

Config = Mapping[str, Any]


class Field(Protocol):
    """A part of a config, by the name it has there."""

    @property
    def name(self) -> str:
        """Its key in the config; its input is `config_` and that."""

    def read(self, form: Form, stored: Config) -> Config:
        """What the form says of it; nothing where what is stored stays."""

    def shown(self, form: Form | None, stored: Config) -> Any:
        """What its input shows: what was typed, or what is stored, and never a secret."""


@dataclass(frozen=True)
class Text:
    """A line that anybody may see."""

    name: str

    def read(self, form: Form, stored: Config) -> Config:  # noqa: ARG002  every kind of field is asked the same
        """What was typed."""
        return {self.name: form.text(f"config_{self.name}")}

    def shown(self, form: Form | None, stored: Config) -> str:
        """What was typed, or is stored."""
        return form.text(f"config_{self.name}") if form else str(stored.get(self.name, ""))


@dataclass(frozen=True)
class SecretPairs:
    """Names that anybody may see, each with a secret value."""

    name: str

    def read(self, form: Form, stored: Config) -> Config:
        """Values that were typed, and null for what is dropped; a stored one that was left empty stays."""
        dropped = form.all(f"config_{self.name}_drop")
        pairs: dict[str, str | None] = {}
        for name, value in self._rows(form):
            if name in pairs:
                raise Problem(Refusal.invalid(("/config" + pointer(self.name, name), "is given twice")))
            if name in dropped:
                pairs[name] = None
            elif value or name not in stored.get(self.name, {}):
                pairs[name] = value
        return {self.name: pairs} if pairs else {}

    def shown(self, form: Form | None, stored: Config) -> list[dict[str, Any]]:
        """Names only, those that are stored first."""
        kept = dict.fromkeys(stored.get(self.name, {}))
        typed = [name for name, _ in self._rows(form) if name and name not in kept] if form else []
        dropped = form.all(f"config_{self.name}_drop") if form else []
        rows = [{"name": name, "stored": name in kept, "dropped": name in dropped} for name in [*kept, *typed]]
        return [*rows, {"name": "", "stored": False, "dropped": False}]

    def _rows(self, form: Form) -> list[tuple[str, str]]:
        names, values = form.all(f"config_{self.name}_name"), form.all(f"config_{self.name}_value")
        rows = [(name.strip(), value.strip()) for name, value in zip_longest(names, values, fillvalue="")]
        return [row for row in rows if any(row)]


@dataclass(frozen=True)
class KindForm:
    """One kind: what people call it, and its fields; `address` is the one that says where it leads."""

    label: str
    fields: tuple[Field, ...]
    address: str

    @property
    def places(self) -> set[str]:
        """Where a mistake may be shown."""
        return {f"config_{field.name}" for field in self.fields}

    def read(self, form: Form, stored: Config) -> dict[str, Any]:
        """The config that the form stands for."""
        return {key: value for field in self.fields for key, value in field.read(form, stored).items()}

    def shown(self, form: Form | None, stored: Config) -> dict[str, Any]:
        """What the inputs show, by the fields' names."""
        return {field.name: field.shown(form, stored) for field in self.fields}

    def where(self, config: Config) -> str:
        """The receiver in short: an URL's path may be as good as a password."""
        return urlsplit(str(config[self.address])).netloc


FORMS: Mapping[ChannelKind, KindForm] = {
    ChannelKind.WEBHOOK: KindForm("Webhook", (Text("url"), SecretPairs("headers")), address="url"),
}

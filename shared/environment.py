"""What a process reads from its environment: checked at start, and a mistake named in one sentence."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

PREFIX = "KEEPWATCH_"
SettingsT = TypeVar("SettingsT", bound=BaseModel)


class SettingError(Exception):
    """A setting is missing or malformed; the message is one sentence that names it."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Networks = Annotated[list[Network], BeforeValidator(_split)]
"""Comma-separated networks: `10.0.0.0/8, fd00::/8`."""
Seconds = Annotated[list[Annotated[float, Field(ge=0, le=366 * 86400)]], BeforeValidator(_split)]
"""Comma-separated seconds."""
SecretKey = Annotated[str, Field(min_length=32)]
"""What stored secrets are encrypted under; as good as random."""
SecretKeys = Annotated[list[SecretKey], BeforeValidator(_split)]
"""Comma-separated keys."""
Urls = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_split), Field(min_length=1)]


class ProcessSettings(BaseModel):
    """What every service reads."""

    model_config = ConfigDict(frozen=True)

    database_url: str = Field(pattern=r"^postgres(ql)?://", repr=False)
    nats_url: Urls = Field(repr=False)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    stream_replicas: Annotated[int, Field(ge=1, le=5)] = 1


CanarySeconds = Annotated[float, Field(ge=0, le=86400)]
"""How often a canary is sent; 0: never."""


class SealingSettings(BaseModel):
    """What a process reads that stores secrets: the key, and those before it that may still be in use."""

    model_config = ConfigDict(frozen=True)

    secret_key: SecretKey = Field(repr=False)
    old_secret_keys: SecretKeys = Field(default=[], repr=False)


def load(model: type[SettingsT], environ: Mapping[str, str] = os.environ) -> SettingsT:
    """The settings from `KEEPWATCH_<FIELD>`, or from the file that `KEEPWATCH_<FIELD>_FILE` names."""
    values = {}
    for name in model.model_fields:
        value = _read(environ, PREFIX + name.upper())
        if value is not None:
            values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SettingError(_sentence(error)) from None


def _read(environ: Mapping[str, str], variable: str) -> str | None:
    if value := environ.get(variable):
        return value
    path = environ.get(f"{variable}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingError(f"{variable}_FILE: cannot read {path}: {error.strerror}.") from None


def _sentence(error: ValidationError) -> str:
    # The value itself stays out of the sentence: it may be a secret.
    first = error.errors(include_url=False, include_input=False)[0]
    variable = PREFIX + str(first["loc"][0]).upper()
    if first["type"] == "missing":
        return f"{variable} (or {variable}_FILE) is not set."
    return f"{variable} is malformed: {first['msg']}."

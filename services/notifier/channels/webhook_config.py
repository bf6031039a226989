"""A webhook's config: what may be in it, what of it is secret, and how it changes."""

import base64
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from services.notifier.model import Stored
from shared.asks.fields import Body, Text
from shared.refusal import Refusal

MASK = "••••••••"
MAX_HEADERS = 50
OVERLAP = timedelta(hours=24)
"""How long calls are signed with both secrets after a renewal."""
RESERVED = {"host", "content-length", "transfer-encoding"}
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


def _url(value: str) -> str:
    if re.search(r"[\x00-\x20\x7f]", value):
        raise ValueError("must not contain spaces or control characters")
    try:
        parts = urlsplit(value)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError("must be an http or https URL with a host")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or password; send them in a header")
    if parts.fragment:
        raise ValueError("must not contain a fragment")
    return value


def _header_value(value: str) -> str:
    if MASK in value:
        raise ValueError("is the mask of the stored value; leave the header out to keep it")
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        raise ValueError("must not contain line breaks or control characters")
    return value


HeaderValue = Annotated[Text, StringConstraints(min_length=1), AfterValidator(_header_value)]


class WebhookConfig(Body):
    """What people give; on a change a header that is null is dropped, and null or `{}` drops all of them."""

    url: Annotated[Text, AfterValidator(_url)] | None = None
    headers: Annotated[dict[str, HeaderValue | None], Field(max_length=MAX_HEADERS)] | None = None


def create(given: Mapping[str, Any]) -> Stored | Refusal:
    """A new webhook with a new signing secret."""
    config = _parsed(given)
    if isinstance(config, Refusal):
        return config
    if config.url is None:
        return Refusal.invalid(("/config/url", "is required"))
    if empty := [name for name, value in (config.headers or {}).items() if value is None]:
        return Refusal.invalid(*((_pointer("headers", name), "must be text") for name in empty))
    return _stored(config.url, dict(config.headers or {}), {"signing_secret": _new_secret()})


def change(stored: Stored, given: Mapping[str, Any]) -> Stored | Refusal:
    """The webhook with what was given; secret headers don't follow it to another URL by themselves."""
    config = _parsed(given)
    if isinstance(config, Refusal):
        return config
    if "url" in config.model_fields_set and config.url is None:
        return Refusal.invalid(("/config/url", "must not be null"))
    url = config.url or stored.config["url"]
    headers = stored.secrets["headers"]
    if url != stored.config["url"] and (missing := _not_given_again(headers, config)):
        sentence = "must be given again or dropped, because the url changes"
        return Refusal.invalid(*((_pointer("headers", name), sentence) for name in missing))
    return _stored(url, _merged(headers, config), stored.secrets)


def renew(stored: Stored, now: datetime) -> Stored:
    """The webhook with a new signing secret; the one before goes on signing as well, until the receiver has the new."""
    former = {"secret": stored.secrets["signing_secret"], "until": (now + OVERLAP).isoformat()}
    signing = {"signing_secret": _new_secret(), "former": former}
    return _stored(stored.config["url"], stored.secrets["headers"], signing)


def signing_secrets(stored: Stored, now: datetime) -> list[str]:
    """What calls are signed with now, the newest first."""
    former = stored.secrets.get("former")
    still = [former["secret"]] if former and now < datetime.fromisoformat(former["until"]) else []
    return [stored.secrets["signing_secret"], *still]


def shown(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config as it may be read."""
    return {"url": config["url"], "headers": dict.fromkeys(config["headers"], MASK)}


def _stored(url: str, headers: Mapping[str, str | None], signing: Mapping[str, Any]) -> Stored:
    kept = {name: signing[name] for name in ("signing_secret", "former") if name in signing}
    return Stored({"url": url, "headers": sorted(headers)}, {"headers": headers, **kept})


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _not_given_again(headers: Mapping[str, str], config: WebhookConfig) -> list[str]:
    if "headers" in config.model_fields_set and not config.headers:
        return []
    given = {name.lower() for name in config.headers or {}}
    return [name for name in headers if name.lower() not in given]


def _merged(headers: Mapping[str, str], config: WebhookConfig) -> dict[str, str | None]:
    if "headers" not in config.model_fields_set:
        return dict(headers)
    if not config.headers:
        return {}
    given = {name.lower() for name in config.headers}
    kept = {name: value for name, value in headers.items() if name.lower() not in given}
    return {**kept, **{name: value for name, value in config.headers.items() if value is not None}}


def _parsed(given: Mapping[str, Any]) -> WebhookConfig | Refusal:
    headers = given.get("headers")
    names = _wrong_names(headers) if isinstance(headers, dict) else {}
    wrong = [(_pointer("headers", name), sentence) for name, sentence in names.items()]
    try:
        config = WebhookConfig.model_validate(given)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        return Refusal.invalid(*((_pointer(*problem["loc"]), _said(problem["msg"])) for problem in problems), *wrong)
    return Refusal.invalid(*wrong) if wrong else config


def _wrong_names(headers: Mapping[str, Any]) -> dict[str, str]:
    wrong = {}
    seen = set()
    for name in headers:
        lowered = name.lower()
        if not HEADER_NAME.fullmatch(name):
            wrong[name] = "is not a header name"
        elif lowered in RESERVED or lowered.startswith("webhook-"):
            wrong[name] = "is set by Keepwatch itself"
        elif lowered in seen:
            wrong[name] = "is given twice"
        seen.add(lowered)
    return wrong


def _pointer(*path: object) -> str:
    return "/".join(["/config", *(str(part).replace("~", "~0").replace("/", "~1") for part in path)])


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")

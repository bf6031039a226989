"""Secrets leave the agent's processes only as `***`."""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

Scrub = Callable[[str], str]

MASK = "***"
# A user, or a user and a password, in front of a host: `rest:https://user:secret@host/`.
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")


def scrubber(secrets: Iterable[str]) -> Scrub:
    """A function that masks these texts, also URL-quoted or line by line, and the user part of every URL."""
    known = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def scrub(text: str) -> str:
        masked = pattern.sub(MASK, text) if pattern else text
        return _USERINFO.sub(f"{MASK}@", masked)

    return scrub


def scrub_values(value: Any, scrub: Scrub) -> Any:
    """The same JSON value with every text in it scrubbed."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, list):
        return [scrub_values(item, scrub) for item in value]
    if isinstance(value, dict):
        return {key: scrub_values(item, scrub) for key, item in value.items()}
    return value


def url_secrets(url: str) -> list[str]:
    """The password that a repository's URL carries, if any."""
    found = re.search(r"://[^/\s@:]*:([^/\s@]+)@", url)
    return [found[1]] if found else []


def _forms(secret: str) -> set[str]:
    forms = {secret, secret.strip(), quote(secret, safe=""), quote(secret)}
    return {line for form in forms for line in form.splitlines() if line.strip()}


only_urls: Scrub = scrubber(())

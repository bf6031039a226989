"""From what a person types to an id: a name, `host/group`, a whole id, or the end or beginning of one.

Ids begin with the time they were made, so those made together look alike; lists show the last 8 digits, which differ.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click

from cli.client.api import Api
from cli.client.screen import clean
from shared.own_host import OWN_HOST_ID, OWN_HOST_NAME

Item = dict[str, Any]
SHOWN_DIGITS = 8
SHORT_ID = re.compile(r"^[0-9a-f]{4,32}$")
LISTED = 5


class NotFound(click.ClickException):
    """Nothing has that name or id."""


def short(identity: str | None) -> str:
    """An id as lists show it."""
    return identity.replace("-", "")[-SHOWN_DIGITS:] if identity else ""


def whole_id(reference: str) -> str | None:
    """The reference itself, when it is a whole id."""
    try:
        return str(UUID(reference))
    except ValueError:
        return None


def pick(items: Sequence[Item], reference: str, what: str) -> Item:
    """The one thing meant: by name first (regardless of case), where things have names, then by id."""
    named = [item for item in items if str(item.get("name", "")).casefold() == reference.casefold()]
    found = named or [item for item in items if _has_id(item["id"], reference)]
    if not found:
        raise NotFound(f"There is no {what} '{reference}'.")
    if len(found) > 1:
        raise click.ClickException(ambiguous(found, reference, what))
    return found[0]


def ambiguous(found: Sequence[Item], reference: str, what: str) -> str:
    """The sentence that lists what a reference may mean."""
    matches = ", ".join(f"{short(item['id'])}{_called(item)}" for item in found[:LISTED])
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return f"'{reference}' may mean more than one {what}: {matches}{more}."


def _called(item: Item) -> str:
    name = item.get("name") or item.get("title")
    return f" ({clean(name)})" if name else ""


def _has_id(identity: str, reference: str) -> bool:
    digits, wanted = identity.replace("-", ""), reference.replace("-", "").lower()
    return bool(SHORT_ID.match(wanted)) and (digits.startswith(wanted) or digits.endswith(wanted))


async def id_of(api: Api, path: str, reference: str, what: str) -> str:
    """The id of one thing of a list."""
    if identity := whole_id(reference):
        return identity
    return str(pick(await api.newest(path), reference, what)["id"])


async def host_id(api: Api, reference: str) -> str:
    """A host's id."""
    if identity := whole_id(reference):
        return identity
    named = await api.newest("/hosts", {"name": reference})
    if len(named) == 1:
        return str(named[0]["id"])
    return await id_of(api, "/hosts", reference, "host")


async def group_id(api: Api, reference: str) -> str:
    """A source group's id, from `host/group` or a whole id."""
    if identity := whole_id(reference):
        return identity
    if "/" not in reference:
        raise NotFound(f"'{reference}' names no source group; write it as host/group.")
    # Both names may have slashes themselves: the first split whose host exists is meant.
    splits = [position for position, letter in enumerate(reference) if letter == "/"]
    for position in splits:
        try:
            host = await host_id(api, reference[:position])
        except NotFound:
            continue
        return await group_of(api, host, reference[position + 1 :])
    raise NotFound(f"There is no host '{reference[: splits[0]]}'.")


async def group_of(api: Api, host: str, reference: str) -> str:
    """The id of a host's source group."""
    return await id_of(api, f"/hosts/{host}/source-groups", reference, "source group")


async def alert_id(api: Api, reference: str) -> str:
    """An alert's id, also from the host or the `host/group` that has just one unresolved alert."""
    if identity := whole_id(reference):
        return identity
    try:
        query = await _about(api, reference)
    except NotFound:
        return str(pick(await api.newest("/alerts"), reference, "alert")["id"])
    found = await api.newest("/alerts", {"state": "unresolved", **query})
    if not found:
        raise NotFound(f"'{reference}' has no unresolved alert.")
    if len(found) > 1:
        raise click.ClickException(ambiguous(found, reference, "alert"))
    return str(found[0]["id"])


async def alerted_host_id(api: Api, reference: str) -> str:
    """A host's id, also that of Keepwatch itself, which is in no list of hosts and has alerts all the same."""
    return str(OWN_HOST_ID) if reference.casefold() == OWN_HOST_NAME else await host_id(api, reference)


async def _about(api: Api, reference: str) -> dict[str, str]:
    if "/" in reference:
        return {"source_group_id": await group_id(api, reference)}
    if reference.casefold() == OWN_HOST_NAME:
        return {"host_id": str(OWN_HOST_ID)}
    named = await api.newest("/hosts", {"name": reference})
    if len(named) != 1:
        raise NotFound(f"There is no host '{reference}'.")
    return {"host_id": str(named[0]["id"])}

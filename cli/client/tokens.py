"""`keepwatch tokens`: who may use the API."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from cli.client import screen
from cli.client.api import Api, Query
from cli.client.command import acts, lists, shows
from cli.client.inputs import FUTURE, given, one_of
from cli.client.names import id_of, short
from shared.vocabulary import Role

TITLES = ("ID", "NAME", "ROLE", "CREATED", "EXPIRES")


@click.group()
def tokens() -> None:
    """See, create and revoke API tokens."""


def _row(token: dict[str, Any], at: datetime) -> Sequence[object]:
    created, expires = screen.ago(token.get("created_at"), at), token.get("expires_at")
    return short(token["id"]), token["name"], token["role"], created, screen.ago(expires, at) if expires else "never"


@tokens.command("list")
@lists(TITLES, _row, "There are no tokens.")
async def list_(_: Api) -> tuple[str, Query]:
    """List tokens, newest first."""
    return "/tokens", {}


@tokens.command()
@click.argument("name")
@click.option("--role", type=one_of(Role), default=Role.VIEWER.value, show_default=True)
@click.option("--expires", type=FUTURE, help="At this time, or in 24h, 90d …; default: never.")
@shows(screen.page)
async def create(api: Api, *, name: str, role: str, expires: str | None) -> Any:
    """Create a token called NAME; it is printed this once."""
    return await api.post("/tokens", given(name=name, role=role, expires_at=expires))


@tokens.command()
@click.argument("token")
@acts
async def revoke(api: Api, *, token: str) -> str:
    """Revoke a TOKEN, given by name or id; it stops at once."""
    await api.delete(f"/tokens/{await id_of(api, '/tokens', token, 'token')}")
    return f"Revoked: {token}."

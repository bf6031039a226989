"""`keepwatch fake-alert`: a synthetic alert, or its end, through the real path."""

import click

from cli.client.api import Api
from cli.client.command import acts
from cli.client.inputs import given
from cli.client.names import whole_id


@click.command("fake-alert")
@click.option("--host", required=True, metavar="NAME", help="A host that exists.")
@click.option("--kind", default="backup_failed", show_default=True, help="A kind that jobs raise.")
@click.option("--dedup-key", default="fake", show_default=True, metavar="KEY", help="Alerts of one key are one alert.")
@click.option("--message", metavar="TEXT")
@click.option("--resolve", is_flag=True, help="Let the problem be over.")
@acts
async def fake_alert(  # noqa: PLR0913  one per field
    api: Api, *, host: str, kind: str, dedup_key: str, message: str | None, resolve: bool
) -> str:
    """Raise a synthetic alert, to see who is told and how."""
    if identity := whole_id(host):
        host = (await api.get(f"/hosts/{identity}"))["name"]
    await api.post("/alerts/fake", given(host=host, kind=kind, dedup_key=dedup_key, message=message, resolve=resolve))
    return f"Accepted: {host} {kind} '{dedup_key}'{' is over' if resolve else ''}."

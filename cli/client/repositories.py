"""`keepwatch repositories`: where backups go."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.client import screen
from cli.client.api import Api, Query
from cli.client.command import acts, lists, shows
from cli.client.inputs import SECRET_FILE, changes, given, one_of, options, secret, secret_pairs
from cli.client.names import id_of, short
from shared.vocabulary import RepositorySource

TITLES = ("ID", "NAME", "URL", "SECRETS", "CREATED", "RESTIC ID")


@click.group()
def repositories() -> None:
    """See, add, change and remove repositories."""


def _row(repository: dict[str, Any], at: datetime) -> Sequence[object]:
    restic_id, created = (repository["restic_id"] or "")[:8], screen.ago(repository["created_at"], at)
    return short(repository["id"]), repository["name"], repository["url"], repository["source"], created, restic_id


_fields = options(
    click.option("--url", metavar="URL", help="As restic knows it; with a password in it, better --url-file."),
    click.option("--url-file", type=SECRET_FILE, help="A file with the URL, or - for standard input."),
    click.option("--password-file", type=SECRET_FILE, help="Its password."),
    click.option("--env-file", type=SECRET_FILE, help="KEY=VALUE lines: AWS_*, AZURE_*, B2_*, GOOGLE_* …"),
    click.option("--source", type=one_of(RepositorySource), help="Who knows its secrets."),
    click.option("--create/--no-create", default=None, help="Make it if it was never seen; default: yes."),
)


def _body(  # noqa: PLR0913  one per field
    *,
    url: str | None,
    url_file: Path | None,
    password_file: Path | None,
    env_file: Path | None,
    source: str | None,
    create: bool | None,
) -> dict[str, Any]:
    return given(
        url=url or secret(url_file),
        password=secret(password_file),
        env=secret_pairs(env_file, "="),
        source=source,
        create=create,
    )


async def _path(api: Api, reference: str) -> str:
    return f"/repositories/{await id_of(api, '/repositories', reference, 'repository')}"


@repositories.command("list")
@lists(TITLES, _row, "There are no repositories.")
async def list_(_: Api) -> tuple[str, Query]:
    """List repositories, newest first."""
    return "/repositories", {}


@repositories.command()
@click.argument("repository")
@shows(screen.page)
async def show(api: Api, *, repository: str) -> Any:
    """Show one REPOSITORY; its secrets are never shown."""
    return await api.get(await _path(api, repository))


@repositories.command()
@click.argument("name")
@_fields
@shows(screen.page)
async def add(api: Api, *, name: str, **fields: Any) -> Any:
    """Add a repository called NAME."""
    body = _body(**fields)
    if "url" not in body:
        raise click.UsageError("A repository needs --url or --url-file.")
    return await api.post("/repositories", {"name": name, **body})


@repositories.command()
@click.argument("repository")
@click.option("--name", metavar="NAME", help="Its new name.")
@_fields
@shows(screen.page)
async def edit(api: Api, *, repository: str, name: str | None, **fields: Any) -> Any:
    """Change a REPOSITORY; what is not named stays."""
    body = changes(name=name, **_body(**fields))
    return await api.patch(await _path(api, repository), body)


@repositories.command()
@click.argument("repository")
@click.confirmation_option("--yes", "-y", prompt="Keepwatch will forget this repository and its password. Go on?")
@acts
async def remove(api: Api, *, repository: str) -> str:
    """Remove a REPOSITORY that no host uses; what is stored in it stays."""
    await api.delete(await _path(api, repository))
    return f"Removed: {repository}."

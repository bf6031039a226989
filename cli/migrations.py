"""Migrations with the settings of the environment, and their failures as sentences."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
import nats.errors
import nats.js.errors
import psycopg

import shared.migrate
from shared.environment import ProcessSettings, load


async def apply() -> list[str]:
    """Apply what is pending; what was done."""
    settings = load(ProcessSettings)
    with _in_one_sentence():
        return await shared.migrate.migrate(settings.database_url, settings.nats_url, settings.stream_replicas)


async def pending() -> list[str]:
    """What `apply` would do."""
    settings = load(ProcessSettings)
    with _in_one_sentence():
        return await shared.migrate.pending(settings.database_url, settings.nats_url)


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    try:
        yield
    except shared.migrate.MigrationError as error:
        raise click.ClickException(_first_line(error)) from None
    except psycopg.Error as error:
        raise click.ClickException(f"PostgreSQL: {_first_line(error)}") from None
    except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
        raise click.ClickException(f"NATS: {_first_line(error) or type(error).__name__}") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

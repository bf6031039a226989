"""All secrets that are stored, sealed under the newest key."""

from dataclasses import dataclass

import asyncpg
import click

import services.jobs.sealed
import services.notifier.sealed
from shared.db import connect
from shared.environment import ProcessSettings, SealingSettings, load
from shared.sealing import Sealer, seal_anew

DRAWERS = (services.jobs.sealed.DRAWER, services.notifier.sealed.DRAWER)


@dataclass(frozen=True)
class Done:
    """What became of a drawer; `lost`: what no key opens."""

    name: str
    count: int
    lost: list[str]


async def all_anew() -> list[Done]:
    """Seal everything anew; may run while the services do, and again."""
    keys = load(SealingSettings)
    sealer = Sealer(keys.secret_key, keys.old_secret_keys)
    try:
        connection = await connect(load(ProcessSettings).database_url, "seal-anew")
    except (OSError, asyncpg.PostgresError) as error:
        raise click.ClickException(f"PostgreSQL: {str(error) or type(error).__name__}") from None
    try:
        return [Done(drawer.name, *await seal_anew(connection, drawer, sealer)) for drawer in DRAWERS]
    finally:
        await connection.close()

"""What is looked at, in the order in which one thing needs the other."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg
import nats.errors
import nats.js.errors

from cli.doctor import broker, database, folder
from cli.doctor.finding import Finding
from shared.connection import connect as connect_broker
from shared.db import AWAY, connect
from shared.environment import PREFIX, ProcessSettings, SealingSettings, SettingError, load
from shared.sealing import Sealer


async def examine(data_dir: Path | None, environ: Mapping[str, str]) -> list[Finding]:
    """Everything that can be looked at; what cannot be reached leaves out what lies behind it."""
    found = folder.look(data_dir) if data_dir else []
    try:
        given = folder.settings(data_dir) if data_dir else environ
        settings, keys = load(ProcessSettings, given), load(SealingSettings, given)
    except SettingError as error:
        return [
            *found,
            Finding("settings", good=False, detail=str(error), advice=f"Set {PREFIX}… as docs/architecture.md says."),
        ]
    found.append(Finding("settings", good=True, detail="complete"))
    return [*found, *await _database(settings, keys), *await _broker(settings)]


async def _database(settings: ProcessSettings, keys: SealingSettings) -> list[Finding]:
    try:
        connection = await connect(settings.database_url, "doctor")
    except (*AWAY, asyncpg.PostgresError) as error:
        detail = _why(error)
        advice = "Is PostgreSQL running, and the address, the user and the password right?"
        return [Finding("PostgreSQL", good=False, detail=detail, advice=advice)]
    try:
        return await database.look(connection, settings.database_url, Sealer(keys.secret_key, keys.old_secret_keys))
    finally:
        await connection.close()


async def _broker(settings: ProcessSettings) -> list[Finding]:
    try:
        client = await connect_broker(settings.nats_url)
    except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError) as error:
        advice = "Is NATS running, and the address, the user and the password right? Nothing is lost meanwhile."
        return [Finding("NATS", good=False, detail=_why(error), advice=advice)]
    try:
        return await broker.look(client, settings.stream_replicas)
    finally:
        await client.close()


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error).partition("\n")[0] or type(error).__name__

"""Brings a database and a broker to what this release needs: yoyo applies each service's SQL, once, in order."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from urllib.parse import urlsplit, urlunsplit

import psycopg
from yoyo import get_backend, read_migrations
from yoyo.backends.base import DatabaseBackend
from yoyo.migrations import Migration, MigrationList

from shared import connection as broker
from shared import streams

SCHEMAS = ("jobs", "alerts", "notifier", "api")
"""One schema per service, in the order they are made; no service reads another's tables."""
LOCK = 7_165_309_817_742
TRIES = 5


class MigrationError(Exception):
    """A migration could not be applied; the message says which and why."""


async def migrate(database_url: str, nats_urls: list[str], replicas: int = 1) -> list[str]:
    """Apply what is pending and create what is missing; what was done, in words."""
    done = await asyncio.to_thread(migrate_database, database_url)
    client = await broker.connect(nats_urls, tries=3)
    try:
        js = client.jetstream(timeout=10)
        done += await streams.missing(js)
        await streams.ensure(js, replicas)
    finally:
        await client.close()
    return done


async def pending(database_url: str, nats_urls: list[str]) -> list[str]:
    """What `migrate` would do, in words; changes nothing."""
    found = await asyncio.to_thread(pending_migrations, database_url)
    client = await broker.connect(nats_urls, tries=3)
    try:
        return found + await streams.missing(client.jetstream(timeout=10))
    finally:
        await client.close()


def migrate_database(database_url: str, schemas: tuple[str, ...] = SCHEMAS, until: str | None = None) -> list[str]:
    """Apply pending migrations of these schemas, up to and including the one named `until`."""
    done = []
    with _only_one_at_a_time(database_url):
        for schema in schemas:
            with _opened(database_url, schema) as (backend, migrations):
                for migration in backend.to_apply(migrations):
                    try:
                        _apply_patiently(backend, migration)
                    except psycopg.Error as error:
                        raise MigrationError(f"{schema} {migration.id}: {error}") from error
                    done.append(f"{schema} {migration.id}")
                    if migration.id == until:
                        break
    return done


def _apply_patiently(backend: DatabaseBackend, migration: Migration) -> None:
    """Again when it collided with the services, which work on meanwhile: then nothing of it is there."""
    for _ in range(TRIES - 1):
        try:
            _apply(backend, migration)
        except psycopg.errors.DeadlockDetected:
            continue
        return
    _apply(backend, migration)


def _apply(backend: DatabaseBackend, migration: Migration) -> None:
    # Not yoyo's apply_one: that commits the migration first and notes it later, so that a migrator killed in between
    # leaves a database which no later one can migrate. It also asks the system for the name of a user.
    backend.ensure_internal_schema_updated()
    migration.load()
    if not migration.use_transactions:
        raise MigrationError(f"{migration.id}: a migration that runs outside a transaction cannot be noted with it")
    with backend.transaction():
        migration.process_steps(backend, "apply")
        backend.mark_one(migration, log=False)


def pending_migrations(database_url: str) -> list[str]:
    """The migrations that are not applied yet; nothing is changed, not even yoyo's own tables."""
    with psycopg.connect(_libpq(database_url), autocommit=True) as connection:
        found = []
        for schema in SCHEMAS:
            exists = connection.execute("SELECT to_regclass(%s)", [f"{schema}._yoyo_migration"]).fetchone()
            applied: set[str] = set()
            if exists and exists[0]:
                rows = connection.execute(f"SELECT migration_id FROM {schema}._yoyo_migration")  # noqa: S608  our own names
                applied = {row[0] for row in rows}
            found += [f"{schema} {name}" for name in migration_names(schema) if name not in applied]
    return found


def migration_names(schema: str) -> list[str]:
    """The migrations of a service, in order."""
    folder = files(f"services.{schema}") / "migrations"
    return sorted(entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql"))


@contextmanager
def _only_one_at_a_time(database_url: str) -> Iterator[None]:
    # yoyo's own lock is a row, and a killed migrator would leave it behind; this one dies with the session.
    with psycopg.connect(_libpq(database_url), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        for schema in SCHEMAS:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        yield


@contextmanager
def _opened(database_url: str, schema: str) -> Iterator[tuple[DatabaseBackend, MigrationList]]:
    with as_file(files(f"services.{schema}") / "migrations") as folder:
        backend = get_backend(_yoyo(database_url, schema))
        try:
            backend.execute("SET lock_timeout = '5s'")
            yield backend, read_migrations(str(folder))
        finally:
            backend.connection.close()


def _libpq(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))


def _yoyo(url: str, schema: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, f"schema={schema}"]))
    return urlunsplit(parts._replace(scheme="postgresql+psycopg", query=query))

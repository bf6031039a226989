"""What every test may ask for: a real PostgreSQL and a real NATS, started once per test process."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import psycopg
import pytest

from cli.embedded import EmbeddedNats, EmbeddedPostgres
from shared import db
from shared.migrate import migrate_database


@dataclass(frozen=True)
class Infra:
    """Where the servers of this test process are."""

    postgres_dsn: str = field(repr=False)
    """The superuser's, to a maintenance database."""
    nats_url: str = field(repr=False)


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infra]:
    """One PostgreSQL and one NATS for all tests of this process."""
    wanted = os.environ.get("KEEPWATCH_TEST_INFRA", "embedded")
    if wanted != "embedded":
        raise pytest.UsageError(f"KEEPWATCH_TEST_INFRA={wanted} is not available; only embedded is.")
    folder = tmp_path_factory.mktemp("infra")
    with (
        EmbeddedPostgres(folder / "postgres", durable=False, shared_buffers="32MB") as postgres,
        EmbeddedNats(folder / "nats", durable=False) as nats,
    ):
        yield Infra(postgres.dsn, nats.url)


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def empty_database_of(infra: Infra):
    """Makes an empty database, optionally as a copy of another; gives its URL."""

    def make(template: str = "template1") -> str:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(infra.postgres_dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return _named(infra.postgres_dsn, name)

    return make


@pytest.fixture(scope="session")
def migrated_template(empty_database_of) -> str:
    """The name of a database with every migration applied, to be copied."""
    url = empty_database_of()
    migrate_database(url)
    return urlsplit(url).path[1:]


@pytest.fixture
def database_url(infra: Infra, empty_database_of, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    url = empty_database_of(migrated_template)
    yield url
    with psycopg.connect(infra.postgres_dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool to the test's own database, as the services open it."""
    async with db.open_pool(database_url, "test") as opened:
        yield opened


@pytest.fixture
def nats_url(tmp_path: Path) -> Iterator[str]:
    """A NATS server of the test's own: the stream's name is fixed, so tests can't share one."""
    with EmbeddedNats(tmp_path / "nats", durable=False) as server:
        yield server.url

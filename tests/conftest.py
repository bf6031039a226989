"""What every test may ask for: a real PostgreSQL and a real NATS, started once per test process."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from cli.embedded import EmbeddedNats, EmbeddedPostgres


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

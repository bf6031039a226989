"""The servers that tests run on: embedded ones, or containers with `KEEPWATCH_TEST_INFRA=containers`."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from cli.embedded import EmbeddedNats, EmbeddedPostgres

POSTGRES_IMAGE, NATS_IMAGE = "postgres:18", "nats:2.15-alpine"
UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "timezone=UTC")
ACCOUNTS = 1000
NATS_CONFIGURATION = """\
max_payload: 8MB
feature_flags {{ js_ack_fc_v2: false }}
jetstream {{ store_dir: "/tmp/nats", sync_interval: "10m", max_memory_store: 64MB, max_file_store: 8GB }}
accounts {{
  {accounts}
}}
"""


@dataclass(frozen=True)
class Servers:
    """Where the servers of this test process are."""

    postgres_dsn: str = field(repr=False)
    """The superuser's, to a maintenance database."""
    nats_url: str = field(repr=False)
    """For tests that leave nothing behind in it."""
    empty_nats: Callable[[Path], AbstractContextManager[str]] = field(repr=False)
    """Gives the URL of a NATS with nothing in it, for as long as the block lasts; the folder may be used for it."""


@contextmanager
def embedded(folder: Path) -> Iterator[Servers]:
    """PostgreSQL and NATS as children of this process."""
    with (
        EmbeddedPostgres(folder / "postgres", durable=False, shared_buffers="32MB") as postgres,
        EmbeddedNats(folder / "nats", durable=False) as nats,
    ):
        yield Servers(postgres.dsn, nats.url, _embedded_nats)


@contextmanager
def _embedded_nats(folder: Path) -> Iterator[str]:
    with EmbeddedNats(folder / "nats", durable=False) as nats:
        yield nats.url


@contextmanager
def containers(folder: Path) -> Iterator[Servers]:
    """PostgreSQL and NATS in containers; whoever wants a NATS of its own gets an account, which sees no other's."""
    # The container that cleans up after a crash would have to be pulled first; ours end with the block.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.community.nats import NatsContainer  # noqa: PLC0415  reads the environment as it is imported
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    password = secrets.token_hex(16)
    configuration = folder / "nats.conf"
    configuration.write_text(_configuration(password))
    options = [part for setting in UNSAFE for part in ("-c", setting)]
    with (
        PostgresContainer(POSTGRES_IMAGE, driver=None, password=password).with_command(
            ["postgres", *options]
        ) as postgres,
        NatsContainer(NATS_IMAGE)
        .with_volume_mapping(str(configuration), "/etc/keepwatch/nats.conf", "ro")
        .with_command(["--config", "/etc/keepwatch/nats.conf"]) as nats,
    ):
        host, port = nats.nats_host_and_port()
        numbers = count()

        @contextmanager
        def own_account(_: Path) -> Iterator[str]:
            yield f"nats://test-{next(numbers)}:{password}@{host}:{port}"

        yield Servers(postgres.get_connection_url(), f"nats://keepwatch:{password}@{host}:{port}", own_account)


def _configuration(password: str) -> str:
    users = ["keepwatch", *(f"test-{number}" for number in range(ACCOUNTS))]
    accounts = [
        f'{user} {{ jetstream: enabled, users: [{{ user: {user}, password: "{password}" }}] }}' for user in users
    ]
    return NATS_CONFIGURATION.format(accounts="\n  ".join(accounts))


def why_no_containers() -> str | None:
    """What containers would need and is not here."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "no Docker Engine answers"
    for image in (POSTGRES_IMAGE, NATS_IMAGE):
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
            return f"there is no image {image}: docker pull it, or see deploy/airgap/build"
    return None


@contextmanager
def chosen(folder: Path) -> Iterator[Servers]:
    """What the environment asks for; skips with the reason where that cannot be."""
    wanted = os.environ.get("KEEPWATCH_TEST_INFRA", "embedded")
    if wanted == "embedded":
        with embedded(folder) as servers:
            yield servers
    elif wanted == "containers":
        if reason := why_no_containers():
            pytest.skip(reason)
        with containers(folder) as servers:
            yield servers
    else:
        raise pytest.UsageError(f"KEEPWATCH_TEST_INFRA={wanted} is not available; embedded and containers are.")

"""A new KEEPWATCH_SECRET_KEY in the place of an old one, on a database with secrets in it."""

import os
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest

from services.jobs.sealed import purpose as of_repository
from services.notifier.sealed import purpose as of_channel
from shared.sealing import SealBrokenError, Sealer

OLD, NEW, OTHER = "old-key-" * 8, "new-key-" * 8, "another-" * 8
REPOSITORY, CHANNEL = uuid4(), uuid4()


@pytest.fixture
def stored(database_url):
    """Reads what is sealed of a repository and a channel."""
    sealer = Sealer(OLD)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO jobs.repository (id, name, url, source, may_create, secrets)"
            " VALUES (%s, 'nas', '/srv', 'server', true, %s)",
            [REPOSITORY, sealer.seal({"password": "hunter22"}, of_repository(REPOSITORY))],
        )
        connection.execute(
            "INSERT INTO notifier.channel (id, name, kind, config, secrets, events, filter, enabled)"
            " VALUES (%s, 'ops', 'webhook', '{}', %s, '{raised}', '{}', true)",
            [CHANNEL, sealer.seal({"signing_secret": "whsec_x"}, of_channel(CHANNEL))],
        )

        def read() -> dict:
            (repository,) = connection.execute("SELECT secrets FROM jobs.repository").fetchone()
            (channel,) = connection.execute("SELECT secrets FROM notifier.channel").fetchone()
            return {of_repository(REPOSITORY): repository, of_channel(CHANNEL): channel}

        yield read


@pytest.fixture
def seal_anew(database_url):
    def run(new: str, *old: str):
        told = {
            "KEEPWATCH_DATABASE_URL": database_url,
            "KEEPWATCH_NATS_URL": "nats://127.0.0.1:1",
            "KEEPWATCH_SECRET_KEY": new,
            "KEEPWATCH_OLD_SECRET_KEYS": ",".join(old),
        }
        command = [sys.executable, "-m", "cli.main", "seal-anew"]
        return subprocess.run(command, env=os.environ | told, capture_output=True, text=True, check=False)

    return run


def test_everything_is_readable_before_and_after_and_needs_the_old_key_no_more(stored, seal_anew):
    both, only_new = Sealer(NEW, [OTHER, OLD]), Sealer(NEW)
    before = {purpose: both.open(sealed, purpose) for purpose, sealed in stored().items()}
    for purpose, sealed in stored().items():
        with pytest.raises(SealBrokenError):
            only_new.open(sealed, purpose)

    done = seal_anew(NEW, OTHER, OLD)

    assert done.returncode == 0, done.stderr
    assert "repositories: 1 sealed anew\nchannels: 1 sealed anew" in done.stdout
    assert {purpose: only_new.open(sealed, purpose) for purpose, sealed in stored().items()} == before
    assert seal_anew(NEW).returncode == 0


def test_what_no_key_opens_is_named_and_left_as_it_is(stored, seal_anew):
    before = stored()

    done = seal_anew(NEW, OTHER)

    assert done.returncode == 1
    assert f"no key opens the secrets of {of_repository(REPOSITORY)}" in done.stderr
    assert stored() == before


def test_a_key_that_is_too_short_is_named(seal_anew):
    done = seal_anew(NEW, "short")

    assert done.returncode == 1
    assert "KEEPWATCH_OLD_SECRET_KEYS" in done.stderr
    assert "short" not in done.stderr.replace("too_short", "")

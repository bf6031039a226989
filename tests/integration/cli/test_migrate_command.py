"""`keepwatch migrate` against a real database and a real broker that know nothing of Keepwatch yet."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def migrate(empty_database_of, nats_url):
    told = {"KEEPWATCH_DATABASE_URL": empty_database_of(), "KEEPWATCH_NATS_URL": nats_url}

    def run(*flags):
        return subprocess.run(
            [sys.executable, "-m", "cli.main", "migrate", *flags],
            env=os.environ | told,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_check_changes_nothing_and_fails_while_something_is_pending(migrate):
    first, second = migrate("--check"), migrate("--check")

    assert (first.returncode, second.returncode) == (1, 1)
    assert first.stdout == second.stdout
    assert "pending: alerts 0001" in first.stdout


def test_after_migrate_nothing_is_pending(migrate):
    assert migrate().returncode == 0

    check = migrate("--check")
    assert (check.returncode, check.stdout) == (0, "Nothing is pending.\n")
    assert migrate().stdout == "Nothing to do.\n"

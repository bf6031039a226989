"""`keepwatch audit` on a real database."""

import os
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest

from shared.migrate import migrate_database

RAISED = """
WITH raised AS (
    INSERT INTO alerts.alert (host_id, host_name, kind, severity, title, first_seen_at, last_seen_at)
    VALUES (gen_random_uuid(), 'web-01', 'backup_failed', 'warning', 'web-01 / mail: backup failed', now(), now())
    RETURNING id
)
INSERT INTO alerts.alert_event (event_id, alert_id, version, type, at, payload, published_at)
SELECT %s, id, 1, 'raised', now() - interval '1 hour', '{}', now() - interval '1 hour' FROM raised RETURNING alert_id
"""


@pytest.fixture
def database(empty_database_of):
    return empty_database_of()


@pytest.fixture
def audit(database):
    """Runs the command; with these changes of its environment."""

    def run(**changes):
        env = os.environ | {"KEEPWATCH_DATABASE_URL": database, "KEEPWATCH_NATS_URL": "nats://127.0.0.1:1"} | changes
        command = [sys.executable, "-m", "cli.main", "audit"]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    return run


def test_what_is_missing_is_printed_until_it_is_there(database, audit):
    migrate_database(database)
    with psycopg.connect(database, autocommit=True) as connection:
        event = uuid4()
        alert = connection.execute(RAISED, [event]).fetchone()[0]
        done = audit()

        assert done.returncode == 1
        assert f"alert {alert} version 1, raised at " in done.stdout
        assert "(web-01 / mail: backup failed): the notifier has not received it\n" in done.stdout
        assert done.stdout.endswith("1 transitions are not accounted for.\n")

        connection.execute(
            "INSERT INTO notifier.event (alert_id, version, event_id, type, payload, fanned_out_at)"
            " VALUES (%s, 1, %s, 'raised', '{}', now())",
            [alert, event],
        )
        done = audit()

    assert (done.returncode, done.stdout) == (0, "Every transition is accounted for.\n")


def test_a_database_without_our_schema_is_one_sentence(audit):
    done = audit()

    assert (done.returncode, done.stdout) == (2, "")
    assert "keepwatch migrate" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_database_that_does_not_answer_is_one_sentence(audit):
    done = audit(KEEPWATCH_DATABASE_URL="postgresql://x:hunter22@127.0.0.1:1/x")

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "hunter22" not in done.stderr


def test_that_it_could_not_look_is_not_that_something_is_missing(audit):
    done = audit(KEEPWATCH_DATABASE_URL="")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: KEEPWATCH_DATABASE_URL")

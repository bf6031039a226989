"""`keepwatch doctor` on a real database and a real broker, well and ill."""

import os
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest

from services.notifier.sealed import purpose
from shared.sealing import Sealer

KEY = "a-secret-key-" * 4
CHANNEL = uuid4()
OLD_EVENT = """
INSERT INTO jobs.outbox (event_id, aggregate_id, subject, payload, created_at)
VALUES (gen_random_uuid(), gen_random_uuid(), 'job.finished', '{}', now() - interval '5 min')
"""

GIVEN_UP = """
INSERT INTO notifier.delivery (alert_id, version, channel_id, channel_name, event, state, dead_at)
SELECT gen_random_uuid(), 1, id, name, 'raised', 'dead', now() FROM notifier.channel
"""


@pytest.fixture
def keepwatch(empty_database_of, nats_url):
    """Runs the command with the settings of an empty installation, and with these changes."""
    told = {
        "KEEPWATCH_DATABASE_URL": empty_database_of(),
        "KEEPWATCH_NATS_URL": nats_url,
        "KEEPWATCH_SECRET_KEY": KEY,
    }

    def run(*arguments, **changes):
        command = [sys.executable, "-m", "cli.main", *map(str, arguments)]
        env = os.environ | told | changes
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    run.database_url = told["KEEPWATCH_DATABASE_URL"]
    return run


@pytest.fixture
def well(keepwatch):
    """An installation that is well: migrated, with a channel and a host."""
    assert keepwatch("migrate").returncode == 0
    with psycopg.connect(keepwatch.database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO notifier.channel (id, name, kind, config, secrets, events, filter, enabled)"
            " VALUES (%s, 'ops', 'webhook', '{}', %s, '{raised}', '{}', true)",
            [CHANNEL, Sealer(KEY).seal({}, purpose(CHANNEL))],
        )
        connection.execute("INSERT INTO jobs.host (name, last_seen_at) VALUES ('web-01', now() + interval '1 day')")
        yield connection


def wrong(done) -> list[str]:
    return [line.split("  ")[1].partition(":")[0] for line in done.stdout.splitlines() if line.startswith("wrong")]


def test_a_well_one_is_well(well, keepwatch):
    done = keepwatch("doctor")

    assert (wrong(done), done.returncode) == ([], 0), done.stdout
    assert done.stdout.endswith("All is well.\n")
    assert "stored secrets: 1 can be opened" in done.stdout
    assert "hosts: 1 online" in done.stdout


def test_an_empty_one_needs_a_migration_and_nothing_else_is_guessed(keepwatch):
    done = keepwatch("doctor")

    assert (wrong(done), done.returncode) == (["schema", "stream"], 1)
    assert done.stdout.count("Run: keepwatch migrate") == 2


@pytest.mark.parametrize(
    ("change", "what", "detail"),
    [
        ("UPDATE notifier.channel SET enabled = false, disabled_reason = 'it answered 410'", "channels", "410"),
        ("UPDATE jobs.host SET last_seen_at = now() - interval '1 hour'", "hosts", "1 offline"),
        ("INSERT INTO alerts.dead_letter (subject, payload, error) VALUES ('x', '', '')", "dead letters", "1"),
        (
            OLD_EVENT,
            "events",
            "1 wait for NATS, the oldest for 30",
        ),
    ],
)
def test_what_is_stuck_is_named(well, keepwatch, change, what, detail):
    well.execute(change)
    done = keepwatch("doctor")

    assert (wrong(done), done.returncode) == ([what], 1), done.stdout
    assert detail in done.stdout


def test_what_was_given_up_is_said_and_is_nothing_that_is_wrong_now(well, keepwatch):
    well.execute(GIVEN_UP)
    done = keepwatch("doctor")

    assert (wrong(done), done.returncode) == ([], 0), done.stdout
    assert "1 of the last seven days given up" in done.stdout
    assert "keepwatch deliveries list --state dead" in done.stdout


def test_an_installation_without_a_channel_is_well_and_says_that_nobody_is_told(well, keepwatch):
    well.execute("DELETE FROM notifier.channel")
    done = keepwatch("doctor")

    assert (wrong(done), done.returncode) == ([], 0), done.stdout
    assert "Nobody is told of an alert" in done.stdout


def test_secrets_under_another_key_are_named_and_none_is_printed(well, keepwatch):
    done = keepwatch("doctor", KEEPWATCH_SECRET_KEY="another-key-" * 4)

    assert wrong(done) == ["stored secrets"]
    assert f"no key opens those of {purpose(CHANNEL)}" in done.stdout
    assert "another-key" not in done.stdout


def test_what_does_not_answer_is_a_sentence(well, keepwatch):
    nowhere = {
        "KEEPWATCH_DATABASE_URL": "postgresql://x:hunter22@127.0.0.1:1/x",
        "KEEPWATCH_NATS_URL": "nats://127.0.0.1:1",
    }
    done = keepwatch("doctor", **nowhere)

    assert wrong(done) == ["PostgreSQL", "NATS"]
    assert "Traceback" not in done.stdout + done.stderr
    assert "hunter22" not in done.stdout + done.stderr


def test_a_missing_setting_is_named(keepwatch):
    done = keepwatch("doctor", KEEPWATCH_SECRET_KEY="")

    assert wrong(done) == ["settings"]
    assert "KEEPWATCH_SECRET_KEY" in done.stdout


def test_a_data_folder_where_nothing_runs_and_that_others_may_read(keepwatch, tmp_path):
    folder = tmp_path / "data"
    (folder / "secrets").mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "lock").write_text("1\n")
    done = keepwatch("doctor", "--data-dir", folder)

    assert wrong(done) == ["data folder", "keepwatch up", "settings"]
    assert f"others may read {folder}" in done.stdout

"""From one backup per host to one per source group, on a database that is full of jobs."""

import psycopg
import pytest

from shared.migrate import migrate_database

OLD = "0001_hosts_and_jobs"
TABLES = ("host", "job", "job_log", "outbox", "repository", "schedule", "source_group")


@pytest.fixture
def old(empty_database_of):
    """The first release's database after some use."""
    url = empty_database_of()
    migrate_database(url, schemas=("jobs",), until=OLD)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO jobs.host (name) SELECT 'host-' || n FROM generate_series(1, 5) AS n")
        connection.execute(
            "INSERT INTO jobs.source_group (host_id, name, paths) SELECT id, 'mail', '{/m}' FROM jobs.host"
        )
        connection.execute(
            "INSERT INTO jobs.job (host_id, kind, status, trigger, message)"
            " SELECT id, kind, status, 'manual', 'as it was' FROM jobs.host, unnest(ARRAY['backup', 'prune']) AS kind,"
            " unnest(ARRAY['failed', 'succeeded', 'queued']) AS status"
        )
    return url


def files(connection):
    """The file that holds each table: a rewrite makes a new one."""
    rows = connection.execute(
        "SELECT relname, relfilenode FROM pg_class WHERE relnamespace = 'jobs'::regnamespace AND relname = ANY(%s)",
        [list(TABLES)],
    )
    return dict(rows.fetchall())


def test_no_table_is_rewritten_and_every_job_stays_as_it_was(old):
    with psycopg.connect(old, autocommit=True) as connection:
        before = files(connection), connection.execute("SELECT * FROM jobs.job ORDER BY id").fetchall()

        migrate_database(old)

        after = connection.execute("SELECT * FROM jobs.job ORDER BY id").fetchall()
        assert files(connection) == before[0]
        assert set(TABLES) == set(before[0])
        assert [row[: len(before[1][0])] for row in after] == before[1]
        assert {row[len(before[1][0]) :] for row in after} == {(None, None)}


def test_groups_of_one_host_run_side_by_side_only_from_then_on(old):
    insert = (
        "INSERT INTO jobs.job (host_id, kind, source_group_id, status, trigger)"
        " SELECT host_id, 'backup', id, 'queued', 'manual' FROM jobs.source_group"
    )
    with psycopg.connect(old, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation, match="one_unfinished_job_per_kind"):
            connection.execute(
                "INSERT INTO jobs.job (host_id, kind, status, trigger)"
                " SELECT id, 'backup', 'queued', 'manual' FROM jobs.host"
            )
        migrate_database(old)

        connection.execute(insert)

        with pytest.raises(psycopg.errors.UniqueViolation, match="one_unfinished_job_per_group"):
            connection.execute(insert)


def test_a_job_names_a_group_that_exists_and_loses_it_with_the_group(old):
    migrate_database(old)
    with psycopg.connect(old, autocommit=True) as connection:
        unvalidated = connection.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'jobs.job'::regclass AND NOT convalidated"
        )
        assert unvalidated.fetchall() == []
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("UPDATE jobs.job SET source_group_id = gen_random_uuid() WHERE kind = 'backup'")
        with pytest.raises(psycopg.errors.CheckViolation, match="only_backups_have_a_group"):
            connection.execute(
                "UPDATE jobs.job SET source_group_id = (SELECT id FROM jobs.source_group LIMIT 1) WHERE kind = 'prune'"
            )
        connection.execute(
            "UPDATE jobs.job SET source_group_id = source_group.id FROM jobs.source_group"
            " WHERE source_group.host_id = job.host_id AND kind = 'backup'"
        )

        connection.execute("DELETE FROM jobs.source_group")

        assert connection.execute("SELECT count(*), count(source_group_id) FROM jobs.job").fetchone() == (30, 0)

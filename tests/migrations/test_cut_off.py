"""A migrator that is cut off: what it had not noted is as if it had never begun."""

import psycopg
import pytest

from shared.migrate import MigrationError, migrate_database, migration_names

LAST_WORDS = """
    CREATE FUNCTION cut_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'cut off'; END $$;
    CREATE TRIGGER cut_off BEFORE INSERT ON jobs._yoyo_migration FOR EACH ROW EXECUTE FUNCTION cut_off();
"""


def test_a_migration_that_was_not_noted_is_applied_anew(empty_database_of):
    """Once its tables were there and its note was not, and every later start failed on them."""
    url = empty_database_of()
    first, second, *_ = migration_names("jobs")
    migrate_database(url, schemas=("jobs",), until=first)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(LAST_WORDS)
        with pytest.raises(MigrationError, match="cut off"):
            migrate_database(url, schemas=("jobs",))
        connection.execute("DROP TRIGGER cut_off ON jobs._yoyo_migration")

    assert migrate_database(url, schemas=("jobs",))[0] == f"jobs {second}"

"""A migration that collides with services at work is tried again: nobody has to be stopped for it."""

import threading
import time

import psycopg

from shared.migrate import migrate_database

WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE NOT granted AND datname = current_database()
"""
"""Other tests share the server."""


def test_a_migration_that_deadlocks_with_a_service_is_applied_all_the_same(empty_database_of):
    url = empty_database_of()
    migrate_database(url, ("alerts",), until="0007_dead_letters")
    done: list[str] = []
    migrating = threading.Thread(target=lambda: done.extend(migrate_database(url, ("alerts",), until="0008_by_age")))
    with psycopg.connect(url) as service:
        # Whoever looks for a deadlock first ends it by giving up: here that is the migration.
        service.execute("SET deadlock_timeout = '1min'")
        service.execute("LOCK TABLE alerts.evidence IN ROW EXCLUSIVE MODE")
        migrating.start()
        # Once it holds the first table and waits for the last one, the service wants the first.
        with psycopg.connect(url, autocommit=True) as look:
            while not look.execute(WAITING).fetchone()[0]:
                time.sleep(0.01)
        service.execute("LOCK TABLE alerts.inbox IN ROW EXCLUSIVE MODE")
    migrating.join(30)

    assert done == ["alerts 0008_by_age"]

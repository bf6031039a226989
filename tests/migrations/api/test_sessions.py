"""Sessions opened by the release before still hold, and copies of it that still run can open more."""

import psycopg

from shared.migrate import migrate_database

OPEN = "INSERT INTO api.session (digest, user_id, expires_at) SELECT %s, id, now() + interval '1 day' FROM api.user"


def test_sessions_stay_and_may_be_opened_by_the_release_before(empty_database_of):
    url = empty_database_of()
    migrate_database(url, schemas=("api",), until="0002_demo_inbox")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO api.user (name, role, password_hash) VALUES ('jana', 'viewer', '')")
        connection.execute(OPEN, [b"before"])
        file = connection.execute("SELECT pg_relation_filenode('api.session')").fetchone()

        migrate_database(url, schemas=("api",))

        connection.execute(OPEN, [b"after"])
        assert connection.execute("SELECT pg_relation_filenode('api.session')").fetchone() == file
        seen = connection.execute("SELECT digest, address, browser FROM api.session ORDER BY created_at").fetchall()
        assert seen == [(b"before", "", ""), (b"after", "", "")]

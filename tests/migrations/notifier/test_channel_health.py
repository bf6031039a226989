"""What had been given up before anybody noted when is shown with the time of its last try."""

import psycopg

from shared.migrate import migrate_database


def test_deliveries_given_up_before_get_the_time_of_their_last_try(empty_database_of):
    url = empty_database_of()
    migrate_database(url, schemas=("notifier",), until="0001_channels_and_deliveries")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO notifier.event (alert_id, version, event_id, type, payload)"
            " SELECT gen_random_uuid(), 1, gen_random_uuid(), 'raised', '{}' FROM generate_series(1, 3)"
        )
        connection.execute(
            "INSERT INTO notifier.delivery (alert_id, version, channel_id, channel_name, event, state, created_at)"
            " SELECT alert_id, 1, gen_random_uuid(), 'mail', 'raised', 'dead', '2026-01-01' FROM notifier.event"
        )
        tried = connection.execute("SELECT id FROM notifier.delivery LIMIT 1").fetchone()[0]
        connection.execute(
            "INSERT INTO notifier.attempt (delivery_id, at, duration_ms, detail)"
            " SELECT %s, at, 1, '' FROM unnest('{2026-01-02,2026-01-03}'::timestamptz[]) AS at",
            [tried],
        )
        file = connection.execute("SELECT pg_relation_filenode('notifier.delivery')").fetchone()

        migrate_database(url, schemas=("notifier",))

        assert connection.execute("SELECT pg_relation_filenode('notifier.delivery')").fetchone() == file
        rows = connection.execute("SELECT dead_at::date::text FROM notifier.delivery ORDER BY dead_at").fetchall()
        assert rows == [("2026-01-01",), ("2026-01-01",), ("2026-01-03",)]

"""What was wrong before anybody was told of it is told after the upgrade."""

import psycopg

from shared.migrate import migrate_database

SET_ASIDE = (
    "INSERT INTO notifier.dead_letter (subject, stream_seq, payload, error) VALUES ('alert.raised', %s, 'x', 'no JSON')"
)


def test_dead_letters_and_disabled_channels_of_before_are_told(empty_database_of):
    url = empty_database_of()
    migrate_database(url, schemas=("notifier",), until="0002_channel_health")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SET_ASIDE, [1])
        connection.execute(SET_ASIDE, [2])
        connection.execute(
            "INSERT INTO notifier.channel (name, kind, config, secrets, events, filter, enabled, disabled_reason)"
            " VALUES ('ops', 'webhook', '{}', '', '{raised}', '{}', false, 'the receiver answered 410'),"
            " ('off', 'webhook', '{}', '', '{raised}', '{}', false, NULL)"
        )

        migrate_database(url, schemas=("notifier",))
        connection.execute(SET_ASIDE, [3])  # as the release before still does

        told = connection.execute("SELECT kind, name, message, over FROM notifier.own_trouble ORDER BY id").fetchall()
        assert told == [
            ("dead_letter", "notifier", "alert.raised: no JSON", False),
            ("channel_disabled", "ops", "the receiver answered 410", False),
        ]
        assert connection.execute("SELECT count(DISTINCT uid) FROM notifier.dead_letter").fetchone() == (3,)

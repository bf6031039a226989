import pytest

from shared import connection


@pytest.mark.parametrize(
    ("urls", "known"),
    [
        (["nats://127.0.0.1:4222"], None),
        (["nats://jana:secret@127.0.0.1:4222"], ("jana", "secret")),
        (["nats://one:4222", "nats://jana:p%40ss%3A@two:4222"], ("jana", "p@ss:")),
        (["nats://token@127.0.0.1:4222"], None),
    ],
)
def test_who_we_are_holds_for_every_server_of_a_cluster(urls, known):
    assert connection.credentials(urls) == known

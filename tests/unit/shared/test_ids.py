import time

from shared.ids import uuid7


def test_an_id_tells_when_it_was_made_and_what_it_is():
    before = time.time_ns() // 1_000_000
    made = uuid7()

    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_ids_of_one_moment_differ():
    assert len({uuid7() for _ in range(10_000)}) == 10_000

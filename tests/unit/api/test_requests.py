import pytest
from pydantic import Field

from services.api import csrf
from services.api.errors import Problem, pointer
from services.api.parsing import Query, Time, parse_body, parse_query
from services.api.sign_in import local_path
from shared.asks.hosts import HostCreate


class Example(Query):
    since: Time | None = None
    kind: list[str] = []
    limit: int = Field(default=50, le=200)


def mistakes(problem: Problem) -> list[str]:
    return [error.pointer for error in problem.refusal.errors]


@pytest.mark.parametrize(
    "since",
    ["2026-01-31T08:00:00Z", "2026-01-31T08:00:00%2B02:00", "2026-01-31T08:00:00+02:00", "2026-01-31 08:00:00Z"],
)
def test_times_are_read_also_with_a_plus_that_nobody_escaped(since):
    assert parse_query(Example, f"since={since}".encode()).since.tzinfo is not None


@pytest.mark.parametrize(
    "raw", ["since=5", "since=2026-01-31", "since=2026-01-31T08:00:00", "limit=", "since=&limit=1"]
)
def test_other_values_are_refused(raw):
    with pytest.raises(Problem) as refused:
        parse_query(Example, raw.encode())

    assert mistakes(refused.value) == ["/" + raw.partition("=")[0]]


def test_a_filter_may_repeat():
    assert parse_query(Example, b"kind=a&kind=b").kind == ["a", "b"]


def test_a_deeply_nested_body_is_refused():
    with pytest.raises(Problem) as refused:
        parse_body(HostCreate, b"[" * 100_000)

    assert mistakes(refused.value) == [""]


def test_pointers_escape_what_they_must():
    assert pointer("a/b", "c~d") == "/a~1b/c~0d"


def test_a_csrf_token_belongs_to_one_session():
    key = csrf.key_of("k" * 40)
    token = csrf.token_for(key, "session")

    assert csrf.matches(key, "session", token)
    assert not csrf.matches(key, "another", token)
    assert not csrf.matches(csrf.key_of("j" * 40), "session", token)
    assert not csrf.matches(key, "session", None)
    assert not csrf.matches(key, "session", "é")


@pytest.mark.parametrize(
    ("asked", "found"), [("/alerts/1", "/alerts/1"), ("//x.example", "/"), ("/\t/x", "/"), ("x", "/")]
)
def test_after_signing_in_only_paths_of_ours(asked, found):
    assert local_path(asked) == found

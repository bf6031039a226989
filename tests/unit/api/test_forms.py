"""Where a form shows what is wrong with it."""

import pytest

from services.api.errors import Problem
from services.api.forms import problems_of
from shared.refusal import Refusal


@pytest.mark.parametrize(
    ("pointer", "fields", "shown"),
    [
        ("/name", {"name"}, {"name": "is wrong"}),
        ("/repository/url", {"repository_url"}, {"repository_url": "is wrong"}),
        ("/paths/3", {"paths"}, {"paths": "is wrong"}),
        ("/labels/my key", {"labels"}, {"labels": "my key is wrong"}),
        ("/repository/env/PATH", {"repository_env", "repository_url"}, {"repository_env": "PATH is wrong"}),
        ("/env/A~1B", {"env"}, {"env": "A/B is wrong"}),
        ("/offline_after_seconds", {"name"}, {"": "offline after seconds is wrong"}),
        ("", {"name"}, {"": "is wrong"}),
    ],
)
def test_a_mistake_is_shown_at_the_field_that_its_pointer_names(pointer, fields, shown):
    assert problems_of(Problem(Refusal.invalid((pointer, "is wrong"))), fields) == shown


def test_mistakes_of_one_field_are_shown_together():
    problem = Problem(Refusal.invalid(("/paths/0", "is one"), ("/paths/1", "is another")))

    assert problems_of(problem, {"paths"}) == {"paths": "is one; is another"}


def test_a_conflict_is_about_the_form_and_anything_else_is_no_mistake_in_it():
    assert problems_of(Problem(Refusal.conflict("Taken.")), {"name"}) == {"": "Taken."}
    with pytest.raises(Problem):
        problems_of(Problem(Refusal.unavailable("Later.")), {"name"})

"""Secrets leave as `***`."""

import pytest

from agent.scrub import only_urls, scrub_values, scrubber, url_secrets


@pytest.mark.parametrize(
    "text",
    ["s3cret p@ss", "before s3cret p@ss after", "s3cret%20p%40ss", "s3cret%20p%40ss/", "x=s3cret p@ss&y"],
)
def test_a_secret_is_masked_in_every_form(text):
    scrubbed = scrubber(["s3cret p@ss", ""])(text)

    assert "s3cret" not in scrubbed
    assert "***" in scrubbed


def test_a_secret_that_holds_another_is_masked_whole():
    assert scrubber(["abc", "abcdef"])("abcdef abc") == "*** ***"


def test_the_lines_of_a_secret_are_secrets():
    assert scrubber(["first line\nsecond line"])("it is second line here") == "it is *** here"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rest:https://user:pw@host/x", "rest:https://***@host/x"),
        ('Head "http://user@host/x"', 'Head "http://***@host/x"'),
        ("rest:https://host/x@y", "rest:https://host/x@y"),
        ("mail to a@b", "mail to a@b"),
    ],
)
def test_the_user_part_of_a_url_is_masked(text, expected):
    assert only_urls(text) == expected


def test_a_summary_is_scrubbed_to_its_leaves():
    value = {"n": 1, "list": [{"text": "a s3cret"}], "none": None}

    assert scrub_values(value, scrubber(["s3cret"])) == {"n": 1, "list": [{"text": "a ***"}], "none": None}


def test_a_url_s_password_is_a_secret():
    assert url_secrets("rest:https://user:pw@host/x") == ["pw"]
    assert url_secrets("sftp:user@host:/x") == []

import pytest

from services.notifier.channels.webhook_config import MASK, change, create, shown
from shared.refusal import Refusal

URL = "https://example.org/hook"


def errors(result):
    assert isinstance(result, Refusal)
    return {error.pointer: error.detail for error in result.errors}


@pytest.fixture
def stored():
    return create({"url": URL, "headers": {"Authorization": "Bearer abc", "X-Team": "ops"}})


def test_header_values_are_shown_masked(stored):
    assert shown(stored.config) == {"url": URL, "headers": {"Authorization": MASK, "X-Team": MASK}}
    assert "abc" not in str(stored.config)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org",
        "example.org",
        "https://",
        "https://user:pw@example.org",
        "http://a b",
        "http://x:99999/",
        "http://x/#top",
        "http://x:0/",
        "http://[::1",
        "",
        7,
        "http://x/\n",
    ],
)
def test_a_url_that_cannot_be_called_is_refused(url):
    assert list(errors(create({"url": url}))) == ["/config/url"]


def test_a_url_is_needed():
    assert errors(create({})) == {"/config/url": "is required"}


@pytest.mark.parametrize(
    "name",
    ["webhook-id", "Webhook-Signature", "HOST", "content-length", "Transfer-Encoding", "X Y", "X:Y", "", "X\r\nY"],
)
def test_a_header_that_is_not_theirs_to_set_is_refused(name):
    assert list(errors(create({"url": URL, "headers": {name: "v"}}))) == [f"/config/headers/{name}"]


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\0b", "", None, 7, "x" * 5000, MASK])
def test_a_header_value_that_cannot_be_sent_is_refused(value):
    assert list(errors(create({"url": URL, "headers": {"X-Team": value}}))) == ["/config/headers/X-Team"]


def test_the_same_header_in_other_letters_is_refused():
    assert errors(create({"url": URL, "headers": {"X-Team": "a", "x-team": "b"}})) == {
        "/config/headers/x-team": "is given twice"
    }


def test_a_misspelt_field_is_refused():
    assert list(errors(create({"url": URL, "header": {}}))) == ["/config/header"]


def test_pointers_are_escaped():
    assert list(errors(create({"url": URL, "headers": {"a/b~": "v"}}))) == ["/config/headers/a~1b~0"]


def test_an_omitted_secret_stays(stored):
    after = change(stored, {"url": URL})

    assert after == stored


def test_a_header_is_added_changed_or_dropped_by_name(stored):
    after = change(stored, {"headers": {"authorization": "Bearer new", "X-Team": None, "X-New": "1"}})

    assert after.secrets["headers"] == {"authorization": "Bearer new", "X-New": "1"}
    assert after.secrets["signing_secret"] == stored.secrets["signing_secret"]


@pytest.mark.parametrize("headers", [None, {}])
def test_all_headers_are_dropped_at_once(stored, headers):
    assert change(stored, {"headers": headers}).secrets["headers"] == {}


def test_a_mask_sent_back_is_refused(stored):
    assert list(errors(change(stored, {"headers": {"X-Team": MASK}}))) == ["/config/headers/X-Team"]


def test_secrets_do_not_follow_to_another_url(stored):
    assert list(errors(change(stored, {"url": "https://evil.example/hook", "headers": {"x-team": "ops"}}))) == [
        "/config/headers/Authorization"
    ]
    assert change(stored, {"url": "https://new.example/", "headers": {}}).config["url"] == "https://new.example/"


def test_a_url_cannot_be_cleared(stored):
    assert errors(change(stored, {"url": None})) == {"/config/url": "must not be null"}


def test_all_mistakes_are_named_at_once():
    given = {"url": "x", "headers": {"Host": "a", "X-Team": ""}}

    assert set(errors(create(given))) == {"/config/url", "/config/headers/Host", "/config/headers/X-Team"}

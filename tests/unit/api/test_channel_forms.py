from pathlib import Path
from uuid import UUID

import pytest

from services.api.errors import Problem
from services.api.forms import Form
from services.api.pages import channel_forms
from services.api.pages.channel_kinds import FORMS
from services.api.pages.channel_words import told_of
from shared.asks.channels import Channel
from shared.vocabulary import ChannelKind

TEMPLATES = Path("services/api/templates")
WEBHOOK = ChannelKind.WEBHOOK


def channel(**more) -> Channel:
    given = {
        "id": UUID(int=1),
        "name": "on call",
        "kind": "webhook",
        "config": {"url": "https://example.org/hook", "headers": {"X-Team": "••••••••", "Authorization": "••••••••"}},
        "enabled": True,
        "events": ["raised", "acked", "resolved"],
        "filter": {},
        "disabled_reason": None,
        "created_at": "2026-01-01T00:00:00Z",
    }
    return Channel(**given | more)


def form(**fields) -> Form:
    given = {"name": "on call", "events": ["raised"], "config_url": "https://example.org/hook"} | fields
    return Form({name: value if isinstance(value, list) else [value] for name, value in given.items()})


@pytest.mark.parametrize("kind", ChannelKind)
def test_every_kind_can_be_filled_in(kind):
    assert (TEMPLATES / f"channel_{kind}.html").is_file()
    inputs = (TEMPLATES / f"channel_{kind}.html").read_text()
    assert all(f"config_{field.name}" in inputs for field in FORMS[kind].fields)


@pytest.mark.parametrize(
    ("events", "wanted", "words"),
    [
        (["raised", "acked", "resolved"], {}, "All alerts, when raised, acknowledged or resolved."),
        (["resolved", "raised"], {"min_severity": "info"}, "All alerts, when raised or resolved."),
        (["acked"], {"min_severity": "critical"}, "Critical alerts, when acknowledged."),
        (
            ["raised"],
            {
                "min_severity": "warning",
                "kinds": ["backup_failed", "host_offline"],
                "host_labels": {"env": "prod", "a": "b"},
            },
            (
                "Alerts that are warning or critical of kind backup failed or host offline,"
                " on hosts with env=prod and a=b, when raised."
            ),
        ),
    ],
)
def test_a_channel_says_what_it_is_told_of(events, wanted, words):
    assert told_of(channel(events=events, filter=wanted)) == words


def test_a_channel_that_is_told_once_says_so():
    assert told_of(channel(at_most_once=True)).endswith("or resolved. Sent at most once.")


def test_headers_that_are_left_empty_stay_and_others_are_given_or_dropped():
    headers = {
        "config_headers_name": ["Authorization", "X-Team", "X-New", "", " X-Trimmed "],
        "config_headers_value": ["", "", "a", "", " b "],
        "config_headers_drop": "X-Team",
    }
    changes = channel_forms.changes(form(**headers), channel())

    assert changes.config["headers"] == {"X-Team": None, "X-New": "a", "X-Trimmed": "b"}
    nothing = form(config_headers_name=["Authorization", "X-Team", ""], config_headers_value=["", "", ""])
    assert "headers" not in channel_forms.changes(nothing, channel()).config


def test_what_was_typed_is_shown_again_without_secrets():
    given = form(config_headers_name=["X-Team", "X-New"], config_headers_value=["hunter22", "hunter33"])
    shown = channel_forms.typed(given, WEBHOOK, channel().config)

    assert "hunter" not in str(shown)
    assert [(row["name"], row["stored"]) for row in shown["config"]["headers"]] == [
        ("X-Team", True),
        ("Authorization", True),
        ("X-New", False),
        ("", False),
    ]


def test_the_form_of_a_channel_makes_the_same_channel_again():
    wanted = {"min_severity": "critical", "kinds": ["check_failed"], "host_labels": {"env": "prod", "empty": ""}}
    shown = channel_forms.stored(channel(filter=wanted))
    again = channel_forms.changes(
        form(
            events=shown["events"],
            filter_min_severity=shown["min_severity"],
            filter_kinds=shown["kinds"],
            filter_host_labels=shown["host_labels"],
        ),
        channel(),
    )

    assert again.filter.model_dump(mode="json") == wanted
    assert again.events == channel().events


def test_at_most_once_is_said_only_where_it_changes():
    """A notifier of the release before would refuse a field that it does not know."""
    ticked, not_ticked, once = form(at_most_once="on"), form(), channel(at_most_once=True)

    assert channel_forms.new_channel(ticked, WEBHOOK).at_most_once
    assert channel_forms.changes(ticked, channel()).at_most_once is True
    assert channel_forms.changes(not_ticked, once).at_most_once is False
    for given, before in ((ticked, once), (not_ticked, channel())):
        assert "at_most_once" not in channel_forms.changes(given, before).model_fields_set
    assert "at_most_once" not in channel_forms.new_channel(not_ticked, WEBHOOK).model_fields_set


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"events": []}, "events"),
        ({"name": ""}, "name"),
        ({"filter_min_severity": "loud"}, "filter_min_severity"),
        ({"filter_kinds": ["x"]}, "filter_kinds"),
        ({"filter_host_labels": "no sign"}, "filter_host_labels"),
        ({"filter_host_labels": "a b=c"}, "filter_host_labels"),
        (
            {"config_headers_name": ["A", "A"], "config_headers_value": ["1", "2"]},
            "config_headers",
        ),
    ],
)
def test_a_mistake_is_shown_at_its_field(fields, place):
    with pytest.raises(Problem) as found:
        channel_forms.new_channel(form(**fields), WEBHOOK)

    assert list(channel_forms.problems(found.value, WEBHOOK)) == [place]

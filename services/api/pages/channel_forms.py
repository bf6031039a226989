"""The form of a channel: what it shows, and the request that it stands for."""

from collections.abc import Mapping
from typing import Any

from services.api.errors import Problem
from services.api.forms import Form, filled_in, problems_of
from services.api.pages.channel_kinds import FORMS
from services.api.pages.channel_words import EVENTS
from shared.asks.channels import ALL_CHANGES, Channel, ChannelCreate, ChannelPatch
from shared.refusal import Refusal
from shared.vocabulary import AlertKind, ChannelKind, Severity

PLACES = {"name", "events", "filter_min_severity", "filter_kinds", "filter_host_labels"}
CHOICES = {
    "event_words": EVENTS,
    "alert_kinds": {kind.value: kind.replace("_", " ") for kind in AlertKind},
    "severities": {
        "": "Any",
        Severity.WARNING.value: "Warning and critical",
        Severity.CRITICAL.value: "Critical only",
    },
}
"""What the form lets one choose from."""


def empty(kind: ChannelKind) -> dict[str, Any]:
    """The form of a channel that is to be made."""
    return {
        "kind": kind.value,
        "name": "",
        "enabled": True,
        "events": [event.value for event in ALL_CHANGES],
        "min_severity": "",
        "kinds": [],
        "host_labels": "",
        "at_most_once": False,
        "config": FORMS[kind].shown(None, {}),
    }


def stored(channel: Channel) -> dict[str, Any]:
    """The form of a channel as it is."""
    wanted = channel.filter
    least = wanted.min_severity if wanted.min_severity is not Severity.INFO else None  # which is any
    return {
        "kind": channel.kind.value,
        "name": channel.name,
        "events": [event.value for event in channel.events],
        "min_severity": least.value if least else "",
        "kinds": [kind.value for kind in wanted.kinds or []],
        "host_labels": "\n".join(f"{key}={value}" for key, value in (wanted.host_labels or {}).items()),
        "at_most_once": channel.at_most_once,
        "config": FORMS[channel.kind].shown(None, channel.config),
    }


def typed(form: Form, kind: ChannelKind, config: Mapping[str, Any]) -> dict[str, Any]:
    """The form as it was filled in, without secrets."""
    return {
        "kind": kind.value,
        "name": form.text("name"),
        "enabled": "enabled" in form,
        "events": form.all("events"),
        "min_severity": form.text("filter_min_severity"),
        "kinds": form.all("filter_kinds"),
        "host_labels": form.text("filter_host_labels"),
        "at_most_once": "at_most_once" in form,
        "config": FORMS[kind].shown(form, config),
    }


def new_channel(form: Form, kind: ChannelKind) -> ChannelCreate:
    """The channel that the form asks for; raises a 422 Problem."""
    once = _once(form, before=False)
    return filled_in(ChannelCreate, {**_read(form, kind, {}), "kind": kind, "enabled": "enabled" in form, **once})


def changes(form: Form, channel: Channel) -> ChannelPatch:
    """What the form changes of the channel; raises a 422 Problem."""
    once = _once(form, before=channel.at_most_once)
    return filled_in(ChannelPatch, {**_read(form, channel.kind, channel.config), **once})


def problems(problem: Problem, kind: ChannelKind) -> dict[str, str]:
    """What to show at which field."""
    return problems_of(problem, PLACES | FORMS[kind].places)


def _read(form: Form, kind: ChannelKind, config: Mapping[str, Any]) -> dict[str, Any]:
    events = form.all("events")
    if not events:
        raise Problem(Refusal.invalid(("/events", "tick at least one")))
    wanted = {
        "min_severity": form.optional("filter_min_severity"),
        "kinds": form.all("filter_kinds") or None,
        "host_labels": _labels(form) or None,
    }
    return {
        "name": form.text("name"),
        "config": FORMS[kind].read(form, config),
        "events": events,
        "filter": {key: value for key, value in wanted.items() if value is not None},
    }


def _once(form: Form, *, before: bool) -> dict[str, bool]:
    """Said only where it is another: a notifier of the release before does not know it."""
    wanted = "at_most_once" in form
    return {} if wanted == before else {"at_most_once": wanted}


def _labels(form: Form) -> dict[str, str]:
    labels = {}
    for line in form.lines("filter_host_labels"):
        key, sign, value = line.partition("=")
        if not sign:
            raise Problem(Refusal.invalid(("/filter/host_labels", f"“{line}” is not like env=prod")))
        labels[key.strip()] = value.strip()
    return labels

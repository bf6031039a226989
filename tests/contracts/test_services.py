"""What a service says of itself, in the docstring of its package, is what it does."""

import importlib
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from shared import asks, streams
from shared.asks.agents import ALIVE_SUBJECT, COMMAND_SUBJECT, TAKEOVER_SUBJECT
from shared.asks.ask import Ask
from shared.events import EVENTS, HostUpdated, JobUpdated
from shared.migrate import SCHEMAS

ROOT = Path(__file__).parents[2]
CORE = {JobUpdated.subject, HostUpdated.subject, ALIVE_SUBJECT}
CORE |= {subject.replace("{host_id}", "*") for subject in (COMMAND_SUBJECT, TAKEOVER_SUBJECT)}
STREAM = {event.subject for event in EVENTS}
EXPLICIT = re.compile(r"^(Consumes|Publishes|Answers|Owns): (.+?)(?=^\w+: |\Z)", re.MULTILINE | re.DOTALL)


def says(service: str) -> dict[str, list[str]]:
    """The four lines, each as a list."""
    text = importlib.import_module(f"services.{service}").__doc__ or ""
    return {key: [part.strip() for part in held.split(",")] for key, held in EXPLICIT.findall(text)}


def subjects(service: str, line: str) -> set[str]:
    """The subjects of a line, wildcards of the stream spelt out."""
    named = {subject for subject in says(service)[line] if subject != "nothing"}
    spelt = {subject for subject in STREAM for pattern in named if fnmatch(subject, pattern)}
    return spelt | {subject for subject in named if subject in CORE or not any(fnmatch(s, subject) for s in STREAM)}


def questions() -> dict[str, set[str]]:
    """Who is asked what, from the asks themselves."""
    for module in (ROOT / "shared/asks").glob("*.py"):
        importlib.import_module(f"{asks.__name__}.{module.stem}")
    found: dict[str, set[str]] = {service: set() for service in SCHEMAS}
    for question in every_subclass(Ask):
        if subject := getattr(question, "subject", None):
            found[subject.split(".")[1]].add(subject)
    return found


def every_subclass(model: type) -> list[type]:
    return [one for child in model.__subclasses__() for one in (child, *every_subclass(child))]


@pytest.mark.parametrize("service", SCHEMAS)
def test_a_service_says_four_things_of_itself(service):
    assert list(says(service)) == ["Consumes", "Publishes", "Answers", "Owns"]


@pytest.mark.parametrize("service", SCHEMAS)
def test_every_subject_exists(service):
    assert subjects(service, "Consumes") | subjects(service, "Publishes") <= STREAM | CORE


@pytest.mark.parametrize("durable", streams.DURABLES, ids=lambda durable: durable.name)
def test_a_durable_consumer_brings_its_service_what_it_says(durable):
    brought = {subject for subject in STREAM for pattern in durable.subjects if fnmatch(subject, pattern)}

    assert subjects(durable.name, "Consumes") & STREAM == brought


def test_every_event_has_one_publisher():
    published = [subject for service in SCHEMAS for subject in subjects(service, "Publishes") & STREAM]

    assert sorted(published) == sorted(STREAM)


def test_the_stream_holds_every_event_and_no_hint():
    def held(subject: str) -> bool:
        return any(fnmatch(subject, pattern) for pattern in streams.SUBJECTS)

    assert all(held(subject) for subject in STREAM)
    assert not any(held(subject) for subject in CORE)


@pytest.mark.parametrize("service", SCHEMAS)
def test_a_service_answers_what_it_is_asked(service):
    asked = questions()[service]

    assert says(service)["Answers"] == ([f"ask.{service}.>"] if asked else ["nothing"])


@pytest.mark.parametrize("service", SCHEMAS)
def test_a_service_owns_one_schema_and_touches_no_other(service):
    foreign = re.compile(
        rf"\b(?:{'|'.join(schema for schema in SCHEMAS if schema != service)})\.[a-z_]+\b", re.IGNORECASE
    )
    statement = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|REFERENCES|ON)\s+([a-z_]+\.[a-z_]+)", re.IGNORECASE)
    folder = ROOT / "services" / service
    sources = [*folder.glob("queries*.py"), *folder.glob("queries/*.py"), *folder.glob("migrations/*.sql")]

    touched = {name for path in sources for name in statement.findall(path.read_text(encoding="utf-8"))}

    assert sources
    assert not [name for name in touched if foreign.fullmatch(name)]
    assert says(service)["Owns"][0].startswith(f"schema {service}")

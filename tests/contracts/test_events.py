"""Events of every released version must keep their meaning."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.events import EVENTS, AlertSnapshot, Event, HostUpdated, JobUpdated

GOLDEN = sorted((Path(__file__).parent / "events").glob("*.json"))
MODELS = {model.subject: model for model in (*EVENTS, JobUpdated, HostUpdated)}
DOCUMENT = (Path(__file__).parents[2] / "docs/events.md").read_text(encoding="utf-8")


def name(path: Path) -> str:
    return path.stem


def model_of(path: Path):
    return MODELS[path.stem.rpartition(".v")[0]]


def holds(told, body) -> bool:
    """Whether all of `body` is still told; fields with defaults may have come on top."""
    if isinstance(body, dict):
        return all(holds(told[key], value) for key, value in body.items())
    try:
        return datetime.fromisoformat(told) == datetime.fromisoformat(body)
    except (TypeError, ValueError):
        return told == body


def test_there_is_a_golden_file_of_every_event():
    assert {path.stem.rpartition(".v")[0] for path in GOLDEN} == set(MODELS)


@pytest.mark.parametrize("path", GOLDEN, ids=name)
def test_a_released_event_parses_and_loses_nothing(path):
    body = json.loads(path.read_text(encoding="utf-8"))

    told_again = json.loads(model_of(path).model_validate(body).model_dump_json())

    assert holds(told_again, body)


@pytest.mark.parametrize("path", GOLDEN, ids=name)
def test_a_field_of_a_newer_publisher_is_ignored(path):
    body = {**json.loads(path.read_text(encoding="utf-8")), "invented_later": {"deep": 1}}

    assert "invented_later" not in model_of(path).model_validate(body).model_dump()


@pytest.mark.parametrize("path", [path for path in GOLDEN if issubclass(model_of(path), Event)], ids=name)
def test_a_version_nobody_knows_is_refused(path):
    body = {**json.loads(path.read_text(encoding="utf-8")), "schema_version": 2}

    with pytest.raises(ValidationError, match="schema_version"):
        model_of(path).model_validate(body)


@pytest.mark.parametrize("model", [*MODELS.values(), AlertSnapshot])
def test_every_field_is_documented(model):
    documented = set(re.findall(r"`([a-z_]+)`", DOCUMENT))

    assert set(model.model_fields) <= documented


def test_every_subject_is_documented_once_with_who_tells_whom():
    rows = re.findall(r"^\| `([a-z_.]+)` \| \w+ → ", DOCUMENT, re.MULTILINE)

    assert sorted(rows) == sorted(MODELS)

"""One way to publish to the stream: from an outbox, to that stream, with an id and a deadline."""

import ast
from pathlib import Path

import pytest

from shared.events import EVENTS

ROOT = Path(__file__).parents[2]
OUTBOX = "shared/outbox.py"
SOURCES = sorted(path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py"))
NAMES = {event.__name__ for event in EVENTS} | {event.subject for event in EVENTS}


def publishing_calls(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [call for call in calls if call.func.attr in {"publish", "publish_async", "add_stream"}]


def words(call: ast.Call) -> set[str]:
    """Every name and text in a call's first argument, its subject."""
    subject = call.args[:1] + [keyword.value for keyword in call.keywords if keyword.arg == "subject"]
    nodes = [node for argument in subject for node in ast.walk(argument)]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts | {node.id for node in nodes if isinstance(node, ast.Name)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_outbox_publishes_to_the_stream(path):
    for call in publishing_calls(path):
        given = {keyword.arg for keyword in call.keywords}
        if str(path.relative_to(ROOT)) == OUTBOX:
            # What the headers say is seen in the stream (tests/messaging/jobs/test_outbox.py).
            assert {"reply", "headers"} <= given
        else:
            # Core NATS: hints, questions and frames for agents. None of them may be lost silently as an event.
            assert call.func.attr != "publish_async"
            assert "stream" not in given
            assert not words(call) & NAMES


def test_the_outbox_does_publish():
    """Guards the test above: were it to look for the wrong calls, it would pass on anything."""
    assert [call.func.attr for call in publishing_calls(ROOT / OUTBOX)] == ["publish"]

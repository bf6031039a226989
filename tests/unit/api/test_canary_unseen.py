"""The live events leave out what is about the canary, and nothing that only speaks of it."""

import json

import pytest

from services.api.stream_reader import Entry
from shared.own_host import CANARY_HOST_ID

OTHER = "0197c1a0-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("body", "hidden"),
    [
        ({"host_id": str(CANARY_HOST_ID)}, True),
        ({"alert": {"host_id": str(CANARY_HOST_ID)}}, True),
        ({"host_id": OTHER, "message": f"about {CANARY_HOST_ID}"}, False),
        ({"alert": {"host_id": OTHER, "message": str(CANARY_HOST_ID)}}, False),
        ({"host_id": OTHER}, False),
    ],
)
def test_what_is_about_the_canary_is_not_for_people(body, hidden):
    assert Entry(1, "job.finished", json.dumps(body).encode()).about_the_canary is hidden

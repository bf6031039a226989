from io import BytesIO
from uuid import uuid4

import pytest

from shared.asks.hosts import CreateHost, GetHost
from shared.refusal import Refusal

ID = "11111111-1111-1111-1111-111111111111"


@pytest.mark.parametrize(
    ("request_line", "token", "body", "expected"),
    [
        ("GET /api/v1/hosts", "", None, (401, None)),
        ("GET /api/v1/hosts", "kw_unknown", None, (401, None)),
        ("GET /api/v1/nowhere", None, None, (404, None)),
        ("GET /api/v1/hosts/not-an-id", None, None, (404, None)),
        ("DELETE /api/v1/hosts", None, None, (405, None)),
        ("GET /api/v1/hosts?limit=201", None, None, (422, "/limit")),
        ("GET /api/v1/hosts?limit=ten", None, None, (422, "/limit")),
        ("GET /api/v1/hosts?limit=1&limit=2", None, None, (422, "/limit")),
        ("GET /api/v1/hosts?colour=red", None, None, (422, "/colour")),
        ("GET /api/v1/jobs?since=yesterday", None, None, (422, "/since")),
        ("GET /api/v1/jobs?since=2026-01-01T00:00:00", None, None, (422, "/since")),
        ("GET /api/v1/jobs?since=0001-01-01T00:00:00Z", None, None, (422, "/since")),
        ("GET /api/v1/jobs?until=9999-12-31T23:59:59-12:00", None, None, (422, "/until")),
        ("GET /api/v1/jobs?host_id=x", None, None, (422, "/host_id")),
        ("GET /api/v1/hosts?q=%ff", None, None, (422, "")),
        ("POST /api/v1/hosts", None, b"{", (422, "")),
        ("POST /api/v1/hosts", None, b'{"name": "\xff"}', (422, "")),
        ("POST /api/v1/hosts", None, b"[]", (422, "")),
        ("POST /api/v1/hosts", None, b"", (422, "/name")),
        ("POST /api/v1/hosts", None, b'{"name": 5}', (422, "/name")),
        ("POST /api/v1/hosts", None, b'{"name": "a", "colour": "red"}', (422, "/colour")),
        ("POST /api/v1/hosts", None, b'{"name": "Keepwatch"}', (422, "/name")),
        ("POST /api/v1/hosts", None, b'{"name": "a", "labels": {"k": "a\\u0000"}}', (422, "/labels/k")),
        (f"POST /api/v1/hosts/{ID}/source-groups", None, b'{"name": "a", "paths": ["etc"]}', (422, "/paths/0")),
        ("POST /api/v1/repositories", None, b'{"name": "a", "url": "/a", "env": {"AWS_A\\n": "b"}}', (422, "/env")),
        (
            f"POST /api/v1/hosts/{ID}/source-groups",
            None,
            b'{"name": "a", "paths": ["/etc"], "retention": {"keep_within": "1y\\n"}}',
            (422, "/retention/keep_within"),
        ),
        ("POST /api/v1/job-reports", None, b'{"reports": []}', (422, "/reports")),
        ("POST /api/v1/job-reports", None, b'{"kind": "check", "status": "failed"}', (422, "/host")),
        (
            "POST /api/v1/job-reports",
            None,
            b'{"reports": [{"host": "a", "kind": "check", "status": "failed", "summary": {"x": NaN}}]}',
            (422, ""),
        ),
        (
            "POST /api/v1/job-reports",
            None,
            b'{"reports": [{"host": "a", "kind": "check", "status": "failed"}, {"host": "a", "kind": "?"}]}',
            (422, "/reports/1/kind /reports/1/status"),
        ),
        (f"GET /api/v1/hosts/{ID}", None, None, (503, None)),
    ],
)
async def test_every_failure_is_problem_details(gateway, request_line, token, body, expected):
    status, pointers = expected
    more = {} if token is None else {"token": token}
    answer = await gateway.call(*request_line.split(" "), data=body, **more)

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["status"] == answer.status == status, answer.body
    assert {"type", "title", "detail"} <= set(answer.body)
    found = [error["pointer"] for error in answer.body.get("errors", [])]
    assert found == ([] if pointers is None else pointers.split(" "))


async def test_a_body_over_4_mib_is_413(gateway):
    answer = await gateway.call("POST", "/api/v1/job-reports", data=BytesIO(b" " * (4 * 1024 * 1024 + 1)))

    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/problem+json")


async def test_an_owner_that_is_away_is_503_with_a_time_to_come_back(gateway):
    answer = await gateway.call("GET", f"/api/v1/hosts/{uuid4()}", status=503)

    assert int(answer.headers["Retry-After"]) > 0
    assert "jobs" in answer.body["detail"]


async def test_what_an_owner_refuses_is_passed_on_whole(gateway, bus):
    await bus.answer(CreateHost, Refusal.conflict("The name is taken.", existing_id="x"))
    answer = await gateway.call("POST", "/api/v1/hosts", json={"name": "web-01"}, status=409)

    assert answer.body["existing_id"] == "x"
    assert answer.body["detail"] == "The name is taken."


async def test_an_error_of_ours_shows_no_traceback(gateway, bus):
    await bus.answer(GetHost, None)
    answer = await gateway.call("GET", f"/api/v1/hosts/{uuid4()}", status=500)

    assert "Traceback" not in str(answer.body)
    assert "validation" not in str(answer.body)

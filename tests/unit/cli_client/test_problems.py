"""A failure is one sentence on stderr and exit code 1."""

import pytest
from aiohttp import web

from tests.unit.cli_client.things import host


def failure(result) -> str:
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()


def test_every_field_that_is_wrong_is_named(gateway, keepwatch):
    gateway.lists["/hosts"] = [host()]
    errors = [
        {"pointer": "/paths/0", "detail": "must be an absolute path"},
        {"pointer": "/name", "detail": "must not start with '-'"},
    ]
    body = {"type": "about:blank", "title": "Invalid request", "status": 422, "detail": "2 fields are wrong."}
    gateway.answers("POST", f"/hosts/{host()['id']}/source-groups", {**body, "errors": errors}, status=422)

    result = keepwatch("hosts", "groups", "add", "web-01", "mail", "--path", "srv")

    assert failure(result) == (
        "Error: 2 fields are wrong (paths.0: must be an absolute path; name: must not start with '-')."
    )


def test_a_detail_that_is_the_only_fields_error_is_said_once(gateway, keepwatch):
    problem = {
        "title": "Invalid request",
        "detail": "must be a channel's URL.",
        "errors": [
            {"pointer": "/config/url", "detail": "must be a channel's URL."},
        ],
    }
    gateway.answers("POST", "/channels", problem, status=422)

    result = keepwatch("channels", "add", "ops", "--url", "x")

    assert failure(result) == "Error: config.url: must be a channel's URL."


def test_a_detail_that_is_the_first_of_several_fields_is_said_once_too(gateway, keepwatch):
    errors = [{"pointer": "/kind", "detail": "is unknown"}, {"pointer": "/name", "detail": "is empty"}]
    gateway.answers("POST", "/channels", {"detail": "is unknown", "errors": errors}, status=422)

    assert failure(keepwatch("channels", "add", "ops")) == "Error: kind: is unknown; name: is empty."


def test_a_wrong_token_says_where_it_comes_from(gateway, keepwatch):
    result = keepwatch("alerts", "list", env={"KEEPWATCH_TOKEN": "kw_wrong"})

    assert failure(result).startswith("Error: No valid token; check KEEPWATCH_TOKEN")
    assert "kw_wrong" not in result.stderr


def test_a_busy_server_says_when_to_try_again(gateway, keepwatch):
    body = {"title": "Unavailable", "detail": "The alerts service does not answer."}
    gateway.answers("GET", "/alerts", body, status=503, **{"Retry-After": "2"})

    assert failure(keepwatch("alerts", "list")) == "Error: The alerts service does not answer (retry after 2 s)."


@pytest.mark.parametrize("status", [200, 404, 502])
def test_another_program_on_that_port_is_recognized(gateway, keepwatch, status):
    gateway.raw("GET", "/alerts", web.Response(status=status, text="<html>", content_type="text/html"))

    assert "does not answer like Keepwatch" in failure(keepwatch("alerts", "list"))


def test_a_redirect_is_not_followed_with_the_token(gateway, keepwatch):
    gateway.raw("GET", "/alerts", web.Response(status=302, headers={"Location": "/api/v1/elsewhere"}))

    failure(keepwatch("alerts", "list"))

    assert [path for _, path, _ in gateway.asked] == ["/alerts"]


def test_a_connection_that_breaks(gateway, keepwatch):
    async def hang_up(request: web.Request) -> web.Response:
        request.transport.abort()
        return web.Response()

    gateway.raw("GET", "/alerts", hang_up)

    assert "The connection to" in failure(keepwatch("alerts", "list"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("alerts", "list", "--limit", "0"),
        ("alerts", "list", "--kind", "nonsense"),
        ("alerts", "ack"),
        ("jobs", "list", "--since", "yesterday"),
        ("hosts", "edit", "web-01"),
        ("hosts", "add", "web-01", "--label", "site"),
        ("hosts", "add", "web-01", "--offline-after", "soon"),
        ("repositories", "add", "main"),
        ("channels", "edit", "ops"),
        ("hosts", "groups", "edit", "web-01", "mail"),
        ("hosts", "schedules", "edit", "web-01", "1234"),
        ("fake-alert",),
    ],
)
def test_wrong_usage_is_exit_code_2_and_asks_nothing(gateway, keepwatch, arguments):
    result = keepwatch(*arguments)

    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert gateway.asked == []

import json

import pytest
from aiohttp import web

from tests.unit.cli_client.things import AT, group, host, identity, job


@pytest.fixture
def runnable(gateway):
    gateway.lists["/hosts"] = [host()]
    gateway.lists[f"/hosts/{identity('a1')}/source-groups"] = [group()]
    gateway.answers("POST", f"/source-groups/{identity('b1')}/run", job(message="waiting for the agent"), status=202)
    return gateway


def test_run_now(runnable, keepwatch):
    result = keepwatch("jobs", "run", "web-01/mail")

    assert result.stdout == f"{identity('c1')} backup of web-01 / mail queued: waiting for the agent\n"


def test_run_something_about_the_repository(runnable, keepwatch):
    runnable.answers("POST", f"/hosts/{identity('a1')}/jobs", job(kind="prune"), status=202)

    keepwatch("jobs", "run", "web-01", "--kind", "prune")

    assert runnable.writes() == [("POST", f"/hosts/{identity('a1')}/jobs", {"kind": "prune"})]


@pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("warning", 0), ("failed", 1), ("cancelled", 1)])
def test_wait_follows_to_the_end(runnable, keepwatch, status, code):
    progress = {"percent": 42.4, "bytes_done": 1, "files_done": 1}
    path = f"/jobs/{identity('c1')}"
    runnable.answers("GET", path, job("running", progress=progress), job(status, finished_at=AT, message="the end"))

    result = keepwatch("jobs", "run", "web-01/mail", "--wait", "--json")

    assert result.exit_code == code
    assert json.loads(result.stdout)["status"] == status
    assert "running, 42 %" in result.stderr


def test_wait_outlives_a_restart_of_the_server(runnable, keepwatch):
    away = web.json_response({"title": "Unavailable", "detail": "Away."}, status=503)
    runnable.raw("GET", f"/jobs/{identity('c1')}", away, web.json_response(job("succeeded")))

    assert keepwatch("jobs", "run", "web-01/mail", "--wait").exit_code == 0


def test_a_second_job_is_refused_in_one_sentence(runnable, keepwatch):
    problem = {"title": "Conflict", "detail": "A backup of web-01 / mail is not finished.", "job_id": identity("c0")}
    runnable.answers("POST", f"/source-groups/{identity('b1')}/run", problem, status=409)

    result = keepwatch("jobs", "run", "web-01/mail")

    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: A backup of web-01 / mail is not finished (job {identity('c0')}).\n",
    )


def test_cancel_by_short_id(gateway, keepwatch):
    gateway.lists["/jobs"] = [job()]
    gateway.answers("POST", f"/jobs/{identity('c1')}/cancel", job("cancelled"), status=202)

    assert "cancelled" in keepwatch("jobs", "cancel", "000000c1").stdout


def log_server(*states: bytes):
    """A log that has grown each time its end is reached."""
    growing = list(states)

    async def answer(request: web.Request) -> web.Response:
        start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        body = growing[0]
        if start >= len(body):
            if len(growing) > 1:
                growing.pop(0)
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
        piece = body[start : start + 5]  # cuts letters in two, as a server may
        span = f"bytes {start}-{start + len(piece) - 1}/{len(body)}"
        return web.Response(status=206, body=piece, content_type="text/plain", headers={"Content-Range": span})

    return answer


def test_logs_come_in_pieces(gateway, keepwatch):
    gateway.raw("GET", f"/jobs/{identity('c1')}/log", log_server("größer als fünf\n".encode()))

    assert keepwatch("jobs", "logs", identity("c1")).stdout == "größer als fünf\n"


def test_follow_ends_with_the_job(gateway, keepwatch):
    log = log_server(b"", b"one\n", b"one\ntwo\n", b"one\ntwo\nthree\n")
    gateway.raw("GET", f"/jobs/{identity('c1')}/log", log)
    states = [job("queued"), job("running"), job("running"), job("succeeded")]
    gateway.answers("GET", f"/jobs/{identity('c1')}", *states)

    assert keepwatch("jobs", "logs", "--follow", identity("c1")).stdout == "one\ntwo\nthree\n"


def test_a_server_that_knows_no_ranges_is_read_once(gateway, keepwatch):
    gateway.raw("GET", f"/jobs/{identity('c1')}/log", lambda _: whole_log())

    assert keepwatch("jobs", "logs", identity("c1")).stdout == "all of it\n"


async def whole_log() -> web.Response:
    return web.Response(text="all of it\n")

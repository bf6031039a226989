import html
import re
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from services.api.passwords import Passwords
from services.api.queries import sessions as queries
from services.api.sessions import FULL_AGAIN, USER_TRIES, Sessions
from shared.asks.alerts import Acknowledge, Alert, AlertWithTimeline, BulkResult, BulkResults, GetAlert, ListAlerts
from shared.asks.ask import Page
from shared.asks.deliveries import AlertDeliveries, GetAlertDeliveries
from shared.asks.hosts import DeleteHost
from shared.own_host import OWN_HOST_ID

ALERT = UUID("33333333-3333-3333-3333-333333333333")
AT = "2026-01-01T00:00:00Z"
HTML = {"Accept": "text/html"}


def alert(**more) -> dict:
    ended = ("acked_at", "acked_by", "resolved_at", "resolved_by", "note", "resolution")
    caused = ("error_class", "raised_job_id", "resolved_job_id", "last_success_at", "source_group_id")
    nothing = dict.fromkeys((*ended, *caused))
    return nothing | {
        "id": str(ALERT),
        "version": 1,
        "host_id": str(ALERT),
        "host_name": "web-01",
        "host_labels": {},
        "kind": "backup_failed",
        "dedup_key": "x",
        "source_group_name": "mail",
        "severity": "warning",
        "title": "web-01 / mail: backup failed <script>",
        "message": "it <b>failed</b>",
        "hint": "Look.",
        "state": "open",
        "occurrences": 2,
        "first_seen_at": AT,
        "last_seen_at": AT,
        **more,
    }


@pytest.fixture
async def alerts(bus):
    """One open alert."""
    await bus.answer(ListAlerts, Page(items=[Alert(**alert())]))
    timeline = [{"type": "raised", "at": AT, "actor": None, "note": None}]
    await bus.answer(GetAlert, AlertWithTimeline(**alert(timeline=timeline)))
    await bus.answer(GetAlertDeliveries, AlertDeliveries(deliveries=[], decisions=[]))
    await bus.answer(Acknowledge, BulkResults(results=[BulkResult(id=ALERT, status=204)]))
    return bus


@pytest.fixture
def sign_in(gateway):
    """Signs in and gives the cookies."""

    async def do(username="admin", password="a-long-admin-password", status=303, **more):
        form = {"username": username, "password": password}
        answer = await gateway.call("POST", "/login", token="", data=form, status=status, headers=HTML | more)
        return cookies_of(answer), answer

    return do


def cookies_of(answer) -> str:
    pairs = [each.partition(";")[0] for each in answer.headers.getall("Set-Cookie", [])]
    return "; ".join(pairs)


async def test_an_alert_of_keepwatch_itself_leads_to_no_host(gateway, bus, sign_in):
    own = {"host_id": str(OWN_HOST_ID), "host_name": "keepwatch", "source_group_name": None}
    own |= {"kind": "channel_disabled", "dedup_key": str(ALERT), "timeline": []}
    await bus.answer(GetAlert, AlertWithTimeline(**alert(**own)))
    await bus.answer(ListAlerts, Page(items=[]))
    await bus.answer(GetAlertDeliveries, AlertDeliveries(deliveries=[], decisions=[]))
    headers = {"Cookie": (await sign_in())[0]}

    shown = await gateway.call("GET", f"/alerts/{ALERT}", token="", headers=headers, status=200)
    listed = await gateway.call("GET", f"/alerts?host_id={OWN_HOST_ID}", token="", headers=headers, status=200)

    assert f"/hosts/{OWN_HOST_ID}" not in shown.body
    assert f'href="/channels/{ALERT}"' in shown.body
    assert "Host <strong>keepwatch</strong>" in listed.body


@pytest.mark.parametrize("asked", [f"/alerts/{ALERT}", "/alerts?state=acked&q=web+01"])
async def test_who_is_not_signed_in_goes_to_sign_in_and_comes_back(gateway, asked):
    answer = await gateway.call("GET", asked, token="", status=303)
    form = await gateway.call("GET", answer.headers["Location"], token="", status=200)

    assert f'value="{html.escape(asked)}"' in form.body
    assert all(word in form.body for word in (">Username<", ">Password<", ">Sign in<"))


async def test_the_way_back_keeps_its_query(gateway):
    answer = await gateway.call("GET", "/alerts?state=all&q=%C3%A4%26b", token="", status=303)
    form = {"username": "admin", "password": "a-long-admin-password"}
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)["next"][0]
    answer = await gateway.call("POST", "/login", token="", data=form | {"next": asked}, status=303)

    assert answer.headers["Location"] == "/alerts?state=all&q=%C3%A4%26b"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"])
async def test_signing_in_leads_nowhere_else(gateway, target):
    form = {"username": "admin", "password": "a-long-admin-password", "next": target}
    answer = await gateway.call("POST", "/login", token="", data=form, status=303)

    assert answer.headers["Location"] == "/"


async def test_the_sessions_cookie_is_kept_from_scripts_and_other_sites(sign_in):
    _, answer = await sign_in()
    (session,) = [each for each in answer.headers.getall("Set-Cookie") if "session" in each]

    assert "HttpOnly" in session
    assert "samesite=lax" in session.lower()


async def test_alerts_are_shown_and_escaped(gateway, alerts, sign_in):
    cookies, _ = await sign_in()
    listed = await gateway.call("GET", "/alerts", token="", headers={"Cookie": cookies}, status=200)
    shown = await gateway.call("GET", f"/alerts/{ALERT}", token="", headers={"Cookie": cookies}, status=200)

    assert "&lt;script&gt;" in listed.body
    assert "<script>" not in listed.body + shown.body
    assert "&lt;b&gt;failed" in shown.body
    assert "default-src 'none'" in listed.headers["Content-Security-Policy"]


async def test_the_button_acknowledges_once_the_form_is_ours(gateway, alerts, sign_in):
    cookies, _ = await sign_in()
    page = await gateway.call("GET", f"/alerts/{ALERT}", token="", headers={"Cookie": cookies}, status=200)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.body)[1]
    path, headers = f"/alerts/{ALERT}/ack", HTML | {"Cookie": cookies}

    await gateway.call("POST", path, token="", data={"csrf_token": "x"}, headers=headers, status=403)
    foreign = headers | {"Sec-Fetch-Site": "cross-site"}
    await gateway.call("POST", path, token="", data={"csrf_token": token}, headers=foreign, status=403)
    assert alerts.questions(Acknowledge) == []
    form = {"csrf_token": token, "note": "on it"}
    await gateway.call("POST", path, token="", data=form, headers=headers, status=303)
    (asked,) = alerts.questions(Acknowledge)
    assert (asked.actor, asked.note) == ("admin", "on it")


@pytest.mark.parametrize("note", ["a\0b", "x" * 4097])
async def test_a_note_that_cannot_be_kept_is_422(gateway, alerts, sign_in, note):
    cookies, _ = await sign_in()
    page = await gateway.call("GET", f"/alerts/{ALERT}", token="", headers={"Cookie": cookies}, status=200)
    form = {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', page.body)[1], "note": note}
    await gateway.call(
        "POST", f"/alerts/{ALERT}/ack", token="", data=form, headers=HTML | {"Cookie": cookies}, status=422
    )

    assert alerts.questions(Acknowledge) == []


async def test_a_name_with_a_nul_character_signs_nobody_in(sign_in):
    await sign_in(username="ad\0min", status=422)


async def test_writes_with_the_cookie_need_the_csrf_header(gateway, bus, sign_in):
    await bus.answer(DeleteHost, None)
    cookies, _ = await sign_in()
    me = await gateway.call("GET", "/api/v1/me", token="", headers={"Cookie": cookies}, status=200)
    path = f"/api/v1/hosts/{ALERT}"

    await gateway.call("DELETE", path, token="", headers={"Cookie": cookies}, status=403)
    headers = {"Cookie": cookies, "X-CSRF-Token": me.body["csrf_token"]}
    await gateway.call("DELETE", path, token="", headers=headers, status=204)


async def test_signing_out_ends_the_session(gateway, sign_in):
    cookies, _ = await sign_in()
    await gateway.call("POST", "/logout", token="", headers={"Cookie": cookies}, status=303)

    async def ended() -> bool:
        return (await gateway.call("GET", "/api/v1/me", token="", headers={"Cookie": cookies})).status == 401

    assert await ended()


async def test_too_many_tries_are_429_for_that_user_from_that_address(gateway, sign_in):
    for _ in range(USER_TRIES):
        await sign_in(password="wrong-password", status=401)
    _, answer = await sign_in(status=429)

    assert answer.headers["Retry-After"] == "30"
    assert "Too many tries. Try again in 30 seconds." in answer.body
    await sign_in(username="somebody-else", password="wrong-password", status=401)


async def test_tries_from_ever_new_addresses_are_429_for_that_user(bus, pool, start_gateway):
    """Not after a few, or anybody could lock a user out: the bucket of all addresses is emptied here by hand."""
    async with start_gateway(trusted_proxies=["127.0.0.0/8"]) as gateway:

        async def status(user: str, address: str) -> int:
            form, headers = {"username": user, "password": "wrong-password"}, {"X-Forwarded-For": address}
            return (await gateway.call("POST", "/login", token="", data=form, headers=headers)).status

        assert [await status("admin", f"192.0.2.{number}") for number in range(USER_TRIES + 1)] == [401] * (
            USER_TRIES + 1
        )
        await pool.execute("UPDATE api.sign_in_allowance SET remaining = 0 WHERE key = 'user admin'")
        assert await status("admin", "198.51.100.1") == 429
        assert await status("somebody-else", "198.51.100.1") == 401


async def test_the_right_password_is_taken_after_the_time_that_was_said(pool, sign_in):
    """Tries that were refused once cost time as well, and whoever was impatient waited longer than told."""
    for _ in range(USER_TRIES):
        await sign_in(password="wrong-password", status=401)
    for _ in range(3):
        await sign_in(status=429)

    await pool.execute("UPDATE api.sign_in_allowance SET counted_at = counted_at - interval '30 s'")
    await sign_in(status=303)


async def test_tries_are_forgotten_once_they_make_no_difference(pool):
    sessions = Sessions(pool, Passwords(), b"key")
    await queries.take_allowance(pool, "now", 5, 1.0)
    await queries.take_allowance(pool, "long ago", 5, 1.0)
    await pool.execute(
        "UPDATE api.sign_in_allowance SET counted_at = now() - $1::interval WHERE key = 'long ago'", FULL_AGAIN
    )

    await sessions.forget_tries()

    assert [row["key"] for row in await pool.fetch("SELECT key FROM api.sign_in_allowance")] == ["now"]


async def test_an_address_is_believed_only_from_a_trusted_proxy(bus, start_gateway):
    async def tries(gateway, forwarded):
        form, headers = {"username": "admin", "password": "wrong-password"}, {"X-Forwarded-For": forwarded}
        return (await gateway.call("POST", "/login", token="", data=form, headers=headers)).status

    async with start_gateway() as gateway:
        found = [await tries(gateway, f"192.0.2.{number}") for number in range(USER_TRIES + 1)]
    assert found == [401] * USER_TRIES + [429]
    async with start_gateway(trusted_proxies=["127.0.0.0/8"]) as gateway:
        found = [await tries(gateway, f"192.0.2.{number}") for number in range(USER_TRIES + 1)]
    assert found == [401] * (USER_TRIES + 1)


async def test_a_login_link_signs_in_once(gateway, alerts):
    made = await gateway.call("POST", "/api/v1/login-links", status=201)
    path = made.body["url"].removeprefix(gateway.url)
    first = await gateway.call("GET", path, token="", headers=HTML, status=303)
    again = await gateway.call("GET", path, token="", headers=HTML, status=410)
    page = await gateway.call("GET", "/alerts", token="", headers={"Cookie": cookies_of(first)}, status=200)

    assert first.headers["Location"] == "/"
    assert "admin (admin)" in page.body
    assert "This link has been used already or has ended." in again.body


async def test_people_see_errors_as_pages(gateway, sign_in):
    cookies, _ = await sign_in()
    away = await gateway.call("GET", "/alerts", token="", headers=HTML | {"Cookie": cookies}, status=503)
    nowhere = await gateway.call("GET", "/nowhere", token="", headers=HTML, status=404)

    assert away.headers["Content-Type"].startswith("text/html")
    assert "<h1>Not Found</h1>" in nowhere.body


async def test_a_new_password_signs_the_user_out(gateway, sign_in):
    cookies, _ = await sign_in()
    (admin,) = (await gateway.call("GET", "/api/v1/users", status=200)).body["items"]
    change = {"password": "another-long-password"}
    await gateway.call("PATCH", f"/api/v1/users/{admin['id']}", json=change, status=200)

    await gateway.call("GET", "/api/v1/me", token="", headers={"Cookie": cookies}, status=401)
    await sign_in(status=401)
    await sign_in(password="another-long-password")

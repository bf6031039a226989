"""No other site can make a signed-in browser change anything, whatever the browser says about where it comes from."""

import re
from uuid import uuid4

import pytest

from services.api import pages, sign_in
from services.api.application import MODULES

HTML = {"Accept": "text/html"}
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
]


def changes(routes, prefix=""):
    """Method and address of every route that changes something."""
    for route in routes:
        for method in route.http_methods - {"GET", "HEAD"}:
            (path,) = route.paths
            yield method, prefix + re.sub(r"{\w+:uuid}", str(uuid4()), path)


FORMS = [*changes(pages.ROUTES), *changes(sign_in.ROUTES)]
CALLS = [*changes((route for module in MODULES for route in module.ROUTES), "/api/v1")]


@pytest.fixture
async def cookies(gateway) -> str:
    form = {"username": "admin", "password": "a-long-admin-password"}
    answer = await gateway.call("POST", "/login", token="", data=form, status=303)
    return "; ".join(each.partition(";")[0] for each in answer.headers.getall("Set-Cookie"))


async def test_what_another_site_sends_changes_nothing(gateway, cookies):
    assert len(FORMS) > 3
    assert len(CALLS) > 20
    for method, path in FORMS + CALLS:
        for said in FOREIGN:
            answer = await gateway.call(method, path, token="", headers=HTML | said | {"Cookie": cookies})
            assert answer.status == 403, (method, path, said)
            assert "Another site sent this request." in str(answer.body), (method, path, said)

    await gateway.call("GET", "/api/v1/me", token="", headers={"Cookie": cookies}, status=200)


async def test_without_the_sessions_token_nothing_is_changed(gateway, cookies):
    for method, path in FORMS + CALLS:
        if path not in {"/login", "/logout"}:  # these say where they come from, and that is enough
            answer = await gateway.call(method, path, token="", headers=HTML | {"Cookie": cookies})
            assert answer.status == 403, (method, path)


async def test_a_browser_that_only_says_its_origin_signs_in(gateway):
    form = {"username": "admin", "password": "a-long-admin-password"}
    await gateway.call("POST", "/login", token="", data=form, headers={"Origin": gateway.url}, status=303)
    await gateway.call("POST", "/login", token="", data=form, headers={"Sec-Fetch-Site": "same-origin"}, status=303)


async def test_behind_a_proxy_the_public_url_is_ours(bus, start_gateway):
    form = {"username": "admin", "password": "a-long-admin-password"}

    async def status(gateway, origin):
        return (await gateway.call("POST", "/login", token="", data=form, headers={"Origin": origin})).status

    async with start_gateway(public_url="https://Backups.example.org/keepwatch") as gateway:
        assert await status(gateway, "https://backups.example.org") == 303
        assert await status(gateway, "http://backups.example.org") == 403
        assert await status(gateway, "https://backups.example.org:8443") == 403


async def test_where_we_speak_tls_a_plain_page_is_not_ours_and_cookies_are_secure(bus, start_gateway):
    form = {"username": "admin", "password": "a-long-admin-password"}
    async with start_gateway(trusted_proxies=["127.0.0.0/8"]) as gateway:
        headers = {"X-Forwarded-Proto": "https", "Origin": gateway.url}
        await gateway.call("POST", "/login", token="", data=form, headers=headers, status=403)
        headers["Origin"] = gateway.url.replace("http:", "https:")
        answer = await gateway.call("POST", "/login", token="", data=form, headers=headers, status=303)

    assert all("; Secure" in cookie for cookie in answer.headers.getall("Set-Cookie"))

"""What becomes of sessions that nobody would know of any more, and of who is sent to sign in."""

import pytest

HTML = {"Accept": "text/html"}
FORM = {"username": "admin", "password": "a-long-admin-password"}


@pytest.fixture
def sign_in(gateway):
    """Signs in, with these headers; the cookies of the new session."""

    async def do(**headers: str) -> str:
        answer = await gateway.call("POST", "/login", token="", data=FORM, headers=headers, status=303)
        return "; ".join(each.partition(";")[0] for each in answer.headers.getall("Set-Cookie"))

    return do


async def test_signing_in_again_ends_the_session_that_the_browser_had(gateway, sign_in):
    other, first = await sign_in(), await sign_in()
    second = await sign_in(Cookie=first)

    await gateway.call("GET", "/api/v1/me", token="", headers={"Cookie": first}, status=401)
    for cookies in (second, other):
        await gateway.call("GET", "/api/v1/me", token="", headers={"Cookie": cookies}, status=200)


@pytest.mark.parametrize(
    ("page", "leads_to"),
    [
        ("/hosts/new?x=1", "/login?next=/hosts/new%3Fx%3D1"),
        ("https://evil.example/hosts", "/login"),
        ("http://[", "/login"),
        (None, "/login"),
    ],
)
async def test_a_form_sent_after_the_session_has_ended_leads_back_to_its_page(gateway, page, leads_to):
    referer = {"Referer": page if "://" in page else gateway.url + page} if page else {}
    answer = await gateway.call("POST", "/hosts/new", token="", headers=HTML | referer, status=303)

    assert answer.headers["Location"] == leads_to


async def test_what_was_added_to_a_link_is_passed_over(gateway, sign_in):
    cookies = await sign_in()
    await gateway.call("GET", "/settings?utm_source=mail", token="", headers=HTML | {"Cookie": cookies}, status=200)

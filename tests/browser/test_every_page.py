"""What holds for every page: it says where one is, fits a phone, and loads nothing from elsewhere."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Response, expect

LOGGED_OUT = "/login"
PASSWORD = "correct horse battery staple"


@pytest.fixture
async def every_page(api, host_name, receiver):
    """The addresses of all pages that have something to show."""
    await api.report(host_name, "etc", "succeeded", summary={"bytes_processed": 5_000_000})
    await api.report(host_name, "mail", "failed", message="Fatal: repository is locked", error_class="locked")
    alert = await api.until(lambda: api.open_alert(host_name, "mail"))
    (host,) = (await api.get("/hosts", name=host_name))["items"]
    groups = (await api.get(f"/hosts/{host['id']}/source-groups"))["items"]
    schedule = await api.post(
        f"/hosts/{host['id']}/schedules", {"kind": "backup", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}
    )
    repository = await api.post(
        "/repositories", {"name": f"repo {host_name}", "url": "/srv/restic/test", "password": "secret"}
    )
    user = await api.post("/users", {"name": f"jana {host_name}", "role": "operator", "password": PASSWORD})
    (channel,) = [each for each in (await api.get("/channels"))["items"] if each["config"]["url"] == receiver.url]
    at_host = f"/hosts/{host['id']}"
    return [
        "/",
        "/alerts",
        "/alerts?state=all&q=nothing-is-called-so",
        f"/alerts/{alert['id']}",
        "/hosts",
        "/hosts/new",
        at_host,
        f"{at_host}/edit",
        f"{at_host}/delete",
        f"{at_host}/token",
        f"{at_host}/source-groups/new",
        f"{at_host}/source-groups/{groups[0]['id']}",
        f"{at_host}/source-groups/{groups[0]['id']}/delete",
        f"{at_host}/schedules/new",
        f"{at_host}/schedules/{schedule['id']}",
        f"{at_host}/schedules/{schedule['id']}/delete",
        "/repositories",
        "/repositories/new",
        f"/repositories/{repository['id']}",
        f"/repositories/{repository['id']}/delete",
        "/jobs",
        f"/jobs/{alert['raised_job_id']}",
        "/channels",
        "/channels/new",
        f"/channels/{channel['id']}",
        "/settings",
        "/settings/password",
        "/settings/tokens/new",
        "/settings/users/new",
        f"/settings/users/{user['id']}",
    ]


async def test_every_page_holds_to_the_house_rules(sign_in, every_page, accessible, looks, keepwatch):
    page = await sign_in(**looks)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    for path in every_page:
        answer = await page.goto(path)
        assert answer.status == 200, path
        _is_strict(answer, path)
        await _says_where_one_is(page, path)
        await accessible(page)
    assert asked == {urlsplit(keepwatch.url).netloc}


async def test_the_sign_in_page_too(open_context, accessible, looks):
    page = await (await open_context(**looks)).new_page()
    answer = await page.goto(LOGGED_OUT)
    _is_strict(answer, LOGGED_OUT)
    await _says_where_one_is(page, LOGGED_OUT)
    await accessible(page)
    await page.goto("/alerts/no-id")
    await accessible(page)


async def test_a_page_that_is_not_there_says_so_and_leads_on(sign_in, accessible, looks):
    page = await sign_in(**looks)
    answer = await page.goto("/no-such-page")
    assert answer.status == 404
    await accessible(page)


async def test_every_page_is_listed_here(every_page, keepwatch, page):
    """Whatever a page leads to has a test above."""
    shapes = {_shape(path) for path in every_page}
    led_to = set()
    for path in every_page:
        await page.goto(path)
        hrefs = await page.eval_on_selector_all("a[href]", "all => all.map((a) => a.href)")
        led_to |= {
            _shape(urlsplit(href).path) for href in hrefs if urlsplit(href).netloc == urlsplit(keepwatch.url).netloc
        }
    no_pages = ("/api/", "/static/", "/schema", "/metrics", "/readyz", "/healthz")
    assert {path for path in led_to if not path.startswith(no_pages)} <= shapes


async def test_the_overview_leads_to_pages_that_are_there(every_page, page):
    await page.goto("/")
    hrefs = await page.eval_on_selector_all("main a[href], nav a[href]", "all => all.map((a) => a.href)")
    assert len(set(hrefs)) > 15
    for href in set(hrefs):
        assert (await page.request.get(href, headers={"Accept": "text/html"})).status == 200, href


def _is_strict(answer: Response, path: str) -> None:
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy, path
    assert "script-src 'self';" in policy, path
    assert "unsafe" not in policy, path


def _shape(path: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", path.partition("?")[0])


async def _says_where_one_is(page: Page, path: str) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    title = await page.title()
    assert title.endswith("Keepwatch"), path
    assert len(title) > len("Keepwatch"), path

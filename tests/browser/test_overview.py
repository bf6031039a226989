"""The first page: what is wrong comes and goes by itself, and the fleet can be looked through."""

from uuid import uuid4

import pytest
from playwright.async_api import expect

WRONG_PASSWORD = {"error_class": "wrong_password", "message": "Fatal: wrong password or no key found"}
EVIL = "<img src=x onerror=document.title='owned'>"


@pytest.fixture
async def calm(api):
    """Nothing is wrong when the story begins."""
    while ids := [alert["id"] for alert in (await api.get("/alerts", state="unresolved", limit=200))["items"]]:
        await api.post("/alerts/resolve", {"ids": ids}, expect=200)


@pytest.fixture
async def fleet_of(api):
    """Makes hosts that begin with a name of their own; gives that beginning."""

    async def make(count: int, **host) -> str:
        prefix = f"fleet-{uuid4().hex[:6]}"
        for number in range(count):
            await api.post("/hosts", {"name": f"{prefix}-{number:02}", **host})
        return prefix

    return make


def wrong(page, host):
    return page.locator("#wrong li", has_text=host)


async def test_what_goes_wrong_shows_by_itself_and_goes_again(calm, page, api, host_name):
    await page.goto("/")
    await expect(page.get_by_text("Nothing is wrong.")).to_be_visible()
    await expect(page.get_by_role("link", name="0 critical")).to_be_visible()

    await api.report(host_name, "mail", "failed", **WRONG_PASSWORD)

    alert = wrong(page, host_name)
    await expect(alert.get_by_role("link", name=f"{host_name} / mail: backup failed")).to_be_visible()
    await expect(alert).to_contain_text("critical")
    await expect(alert).to_contain_text("open")
    await expect(alert).to_contain_text("once")
    await expect(page.get_by_role("link", name="1 critical")).to_have_attribute(
        "href", "/alerts?state=open&severity=critical"
    )
    await api.report(host_name, "mail", "failed", **WRONG_PASSWORD)
    await expect(alert).to_contain_text("2 times")
    await api.report(host_name, "mail", "succeeded")
    await expect(page.get_by_text("Nothing is wrong.")).to_be_visible()
    await expect(page.get_by_role("link", name="0 critical")).to_be_visible()


async def test_the_worst_is_first_and_what_somebody_took_on_is_last(calm, page, api, host_name):
    await page.goto("/")
    await page.mouse.move(0, 0)
    await api.report(host_name, "photos", "warning")
    await api.report(host_name, "mail", "failed", error_class="locked")
    await api.report(host_name, "etc", "failed", **WRONG_PASSWORD)
    rows = page.locator("#wrong li")
    await expect(rows).to_contain_text([f"{host_name} / {group}" for group in ("etc", "mail", "photos")])

    taken = await api.open_alert(host_name, "etc")
    await api.post(f"/alerts/{taken['id']}/ack", {"note": "on it"}, expect=204)

    await expect(rows).to_contain_text([f"{host_name} / {group}" for group in ("mail", "photos", "etc")])
    await expect(rows.last).to_contain_text("acked")
    await expect(page.get_by_role("link", name="1 acked")).to_be_visible()


async def test_nothing_moves_under_the_pointer(calm, page, api, host_name):
    await api.report(host_name, "mail", "failed", error_class="locked")
    await page.goto("/")
    await wrong(page, f"{host_name} / mail").hover()

    await api.report(host_name, "etc", "failed", **WRONG_PASSWORD)

    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    assert await page.locator("#wrong li").count() == 1
    await page.get_by_role("button", name="1 new").click()
    await expect(page.locator("#wrong li")).to_contain_text([f"{host_name} / etc", f"{host_name} / mail"])


async def test_a_strip_and_a_size_follow_what_runs(page, api, host_name):
    await api.report(host_name, "mail", "succeeded", summary={"total_bytes_processed": 4_200_000})
    await page.goto(f"/?q={host_name}")
    row = page.get_by_role("row", name=host_name)
    strip = row.locator("svg.strip")
    await expect(strip).to_have_attribute("aria-label", "Last 30 days: 1 succeeded, 29 nothing ran")
    await expect(row).to_contain_text("4.0 MiB")

    await api.report(host_name, "mail", "failed", **WRONG_PASSWORD)

    await expect(strip).to_have_attribute("data-days", "n" * 29 + "f")
    await expect(row.get_by_role("link", name="critical alert")).to_be_visible()


async def test_a_day_is_told_at_the_pointer(page, api, host_name):
    await api.report(host_name, "mail", "warning")
    await page.goto(f"/?q={host_name}")
    box = await page.locator("#fleet svg.strip").bounding_box()
    middle = box["y"] + box["height"] / 2

    await page.mouse.move(box["x"] + box["width"] - 2, middle)
    await expect(page.locator(".tip")).to_contain_text("with warnings")
    await page.mouse.move(box["x"] + 2, middle)
    await expect(page.locator(".tip")).to_contain_text("nothing ran")
    await page.keyboard.press("Escape")
    await expect(page.locator(".tip")).to_be_hidden()


async def test_a_fleet_is_looked_through_page_by_page(page, fleet_of):
    prefix = await fleet_of(27)
    await page.goto("/")

    await page.get_by_label("Name").fill(prefix.upper())
    await page.get_by_role("button", name="Filter").click()

    names = page.locator("#fleet .name")
    await expect(names).to_have_count(25)
    await page.get_by_role("link", name="Next page").click()
    await expect(names).to_have_text([f"{prefix}-25", f"{prefix}-26"])
    await page.get_by_role("link", name="First page").click()
    await expect(names.first).to_have_text(f"{prefix}-00")
    assert f"q={prefix.upper()}" in page.url


async def test_labels_filter_by_a_click_and_by_typing(page, fleet_of):
    site = f"site-{uuid4().hex[:6]}"
    here = await fleet_of(2, labels={"site": site})
    elsewhere = await fleet_of(1, labels={"site": f"{site}-b"})
    names = page.locator("#fleet .name")
    await page.goto(f"/?q={here}")

    await page.locator("#fleet").get_by_role("link", name=f"site={site}").first.click()
    await page.get_by_role("link", name=f"No longer only hosts like {here}").click()
    await expect(names).to_have_text([f"{here}-00", f"{here}-01"])
    await page.get_by_label("Label").fill(f"site={site}-b")
    await page.get_by_role("button", name="Filter").click()
    await expect(names).to_have_count(3)
    await page.get_by_role("link", name=f"No longer only site={site}", exact=True).click()
    await expect(names).to_have_text([f"{elsewhere}-00"])


async def test_a_label_of_another_form_says_so_and_keeps_what_was_typed(page):
    await page.goto("/")
    await page.get_by_label("Name").fill("web")
    await page.get_by_label("Label").fill("berlin")
    await page.get_by_role("button", name="Filter").click()

    await expect(page.get_by_role("alert")).to_contain_text("'berlin' is not of the form key=value")
    await expect(page.get_by_label("Label")).to_have_value("berlin")
    await expect(page.get_by_label("Name")).to_have_value("web")


async def test_a_filter_that_finds_nothing_leads_back(page):
    await page.goto("/?q=there-is-no-such-host")

    await page.get_by_role("link", name="Show all hosts").click()

    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert page.url.endswith("/")


async def test_a_viewer_sees_all_and_has_nothing_to_press(calm, sign_in, person, api, host_name):
    await api.report(host_name, "mail", "failed", **WRONG_PASSWORD)
    page = await sign_in(*await person("viewer"))

    await page.goto("/")

    await expect(wrong(page, host_name)).to_be_visible()
    buttons = await page.get_by_role("button").all_inner_texts()
    assert set(buttons) == {"Sign out", "Filter"}


async def test_names_and_labels_of_others_are_shown_as_text(calm, page, api):
    name = f"{EVIL} {uuid4().hex[:6]}"
    made = await api.post("/hosts", {"name": name, "labels": {"site": EVIL}})
    await api.report(name, EVIL, "failed", message=EVIL, error_class="wrong_password")

    await page.goto("/?q=onerror")

    await expect(wrong(page, name)).to_be_visible()
    await expect(page.locator(f"#host-{made['id']}")).to_contain_text(f"site={EVIL}")
    assert await page.title() == "Overview · Keepwatch"
    assert await page.locator("main img").count() == 0


@pytest.fixture
async def some_trouble(calm, api, host_name):
    """A host with all that a page can show of one; its name."""
    host = await api.post("/hosts", {"name": host_name, "labels": {"site": "berlin", "env": "prod"}})
    await api.post(f"/hosts/{host['id']}/schedules", {"kind": "check", "cron": "0 3 * * *", "timezone": "UTC"})
    for group, status in {"etc": "succeeded", "mail": "warning", "databases": "failed"}.items():
        await api.report(host_name, group, status, summary={"total_bytes_processed": 4_200_000})
    await api.report(host_name, "photos", "failed", **WRONG_PASSWORD)
    taken = await api.until(lambda: api.open_alert(host_name, "databases"))
    await api.post(f"/alerts/{taken['id']}/ack", expect=204)
    return host_name


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_trouble_is_shown_to_everybody_and_fits(sign_in, some_trouble, accessible, size, scheme):
    page = await sign_in(size=size, scheme=scheme)

    await page.goto(f"/?q={some_trouble}&label=site%3Dberlin")

    await expect(wrong(page, some_trouble)).to_have_count(3)
    await accessible(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_calm_is_shown_to_everybody(calm, sign_in, accessible, size, scheme):
    page = await sign_in(size=size, scheme=scheme)

    await page.goto("/?q=there-is-no-such-host")

    await expect(page.get_by_text("Nothing is wrong.")).to_be_visible()
    await accessible(page)

"""The list of alerts: finding, selecting, the keyboard, and what happens while somebody looks at it."""

import re

import pytest
from playwright.async_api import Page, expect

PASSWORD = "correct horse battery staple"


@pytest.fixture
def fail(api, host_name):
    """Has these groups of the host fail, one after the other, and waits for their alerts."""

    async def do(*groups: str, **about):
        for group in groups:
            await api.report(host_name, group, "failed", **about)
            await api.until(lambda group=group: api.open_alert(host_name, group))

    return do


@pytest.fixture
def look(page, host_name):
    """The administrator's list of one host's alerts, live."""

    async def open_list(query: str = "state=open") -> Page:
        await page.goto(f"/alerts?{query}&q={host_name}")
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        return page

    return open_list


def row(page: Page, group: str):
    return page.locator("[data-row]", has=page.get_by_role("link", name=f"/ {group}:"))


async def groups_of(page: Page) -> list[str]:
    titles = await page.locator("[data-row-link]").all_text_contents()
    return [title.split(" / ")[1].split(":")[0] for title in titles]


async def test_tabs_and_filters_stand_in_the_address(look, fail, api, host_name):
    await fail("etc", error_class="wrong_password")
    await fail("mail", "srv")
    alert = await api.open_alert(host_name, "srv")
    await api.post(f"/alerts/{alert['id']}/ack", {}, expect=204)
    page = await look()
    assert await groups_of(page) == ["mail", "etc"]
    await page.get_by_role("link", name="Acked").click()
    await expect(row(page, "srv")).to_be_visible()
    await page.get_by_role("link", name="All", exact=True).click()
    await expect(page.locator("[data-row]")).to_have_count(3)

    await page.get_by_label("Severity").select_option("Critical")
    await page.get_by_label("Kind").select_option("Backup failed")
    await page.get_by_role("button", name="Filter").click()

    await expect(page.locator("[data-row]")).to_have_count(1)
    assert "severity=critical" in page.url
    assert "kind=backup_failed" in page.url
    await page.reload()
    await expect(page.get_by_label("Severity")).to_have_value("critical")
    await page.get_by_role("link", name="Clear filters").click()
    await expect(page.get_by_placeholder("Host or group")).to_have_value("")
    await page.goto(f"/alerts?state=unresolved&q={host_name}")
    await expect(page.locator("[data-row]")).to_have_count(3)


async def test_one_host_s_alerts_are_found_by_its_id_and_shown_under_its_name(look, fail, api, host_name):
    await fail("etc")
    await api.report(f"other-{host_name}", "etc", "failed")
    host = (await api.open_alert(host_name, "etc"))["host_id"]
    page = await look(f"host_id={host}")

    await expect(page.locator("[data-row]")).to_have_count(1)
    chip = page.get_by_role("link", name=f"No longer only {host_name}")
    await expect(chip).to_be_visible()
    await page.get_by_role("button", name="Filter").click()
    assert host in page.url
    await chip.click()
    assert host not in page.url


async def test_pages_go_back_in_time(look, fail):
    await fail("a", "b", "c")
    page = await look("limit=2")
    assert await groups_of(page) == ["c", "b"]
    await page.get_by_role("link", name="Older").click()
    await expect(row(page, "a")).to_be_visible()
    assert await groups_of(page) == ["a"]
    await page.get_by_role("link", name="Newest").click()
    await expect(row(page, "c")).to_be_visible()


async def test_it_works_without_scripts(sign_in, fail, api, host_name):
    await fail("etc", "mail", "srv")
    page = await sign_in(java_script_enabled=False)
    await page.goto("/alerts")
    await page.get_by_placeholder("Host or group").fill(host_name)
    await page.get_by_role("button", name="Filter").click()
    await row(page, "etc").get_by_role("button", name="Acknowledge").click()
    await expect(page.get_by_role("status").get_by_text("Acknowledged.")).to_be_visible()
    assert host_name in page.url

    await row(page, "mail").get_by_role("checkbox").check()
    await row(page, "srv").get_by_role("checkbox").check()
    await page.get_by_label("Note").fill("by hand")
    await page.locator("#bulk").get_by_role("button", name="Resolve").click()
    await expect(page.get_by_role("heading", name="2 resolved")).to_be_visible()
    await page.get_by_role("link", name="Back to the alerts").click()
    assert await groups_of(page) == []
    assert [alert["note"] for alert in await api.alerts(host_name, state="resolved")] == ["by hand", "by hand"]


async def test_the_answer_says_how_it_went_with_each(look, fail, api, host_name):
    await fail("etc", "mail")
    page = await look("state=all")
    await page.get_by_label("Select all").check()
    # Somebody resolves one of them, before this page hears of it.
    await page.route("**/alerts?**", lambda route: route.abort())
    alert = await api.open_alert(host_name, "etc")
    await api.post(f"/alerts/{alert['id']}/resolve", {}, expect=204)
    await page.locator("#bulk").get_by_role("button", name="Acknowledge").click()

    await expect(page.get_by_role("heading", name="1 acknowledged, 1 was resolved already")).to_be_visible()
    each = page.locator("#bulk-result li")
    await expect(each.filter(has_text="/ etc:")).to_contain_text("was resolved already")
    await expect(each.filter(has_text="/ mail:")).to_contain_text("acknowledged")
    await page.get_by_role("button", name="Close").click()
    await expect(each).to_have_count(0)


async def test_nothing_moves_under_the_pointer(look, fail, api, host_name):
    await fail("a", "b", "c")
    page = await look()
    await row(page, "a").get_by_role("checkbox").check()
    await page.get_by_label("Note").fill("what I was about to say")
    await row(page, "b").hover()
    places = {group: await row(page, group).bounding_box() for group in "abc"}

    await fail("d")
    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    await api.report(host_name, "c", "succeeded")
    await expect(row(page, "c")).to_contain_text("resolved")
    await expect(row(page, "c").get_by_role("button", name="Resolve")).to_have_count(0)
    alert = await api.open_alert(host_name, "b")
    await api.post(f"/alerts/{alert['id']}/ack", {"note": "a long note " * 20}, expect=204)
    await expect(row(page, "b")).to_contain_text("acked")
    assert await groups_of(page) == ["c", "b", "a"]
    assert {group: await row(page, group).bounding_box() for group in "abc"} == places

    # Once the pointer is away, what waited is shown; what was selected and typed is as it was.
    await page.mouse.move(5, 5)
    await expect(row(page, "d")).to_be_visible()
    assert await groups_of(page) == ["d", "a"]
    await expect(page.get_by_role("button", name="1 new")).to_be_hidden()
    await expect(row(page, "a").get_by_role("checkbox")).to_be_checked()
    await expect(page.get_by_label("Note")).to_have_value("what I was about to say")
    await expect(page.get_by_text("1 selected")).to_be_visible()


async def test_what_waits_is_shown_on_demand(look, fail):
    await fail("a")
    page = await look()
    await row(page, "a").hover()
    await fail("b")
    await page.get_by_role("button", name="1 new").click()

    await expect(row(page, "b")).to_be_visible()


async def test_by_keyboard(look, fail, api, host_name):
    await fail("a", "b", "c", "d")
    page = await look()

    async def state(group: str, wanted: str) -> None:
        async def is_so():
            found = [alert for alert in await api.alerts(host_name) if alert["source_group_name"] == group]
            return found[0]["state"] == wanted

        await api.until(is_so)

    await page.keyboard.press("j")
    await expect(row(page, "d").get_by_role("link")).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await expect(row(page, "c").get_by_role("link")).to_be_focused()
    await page.keyboard.press("a")
    await state("c", "acked")
    await expect(row(page, "c")).to_contain_text("acked")
    await page.keyboard.press("r")
    await state("c", "resolved")

    # What is selected goes before where one is.
    await row(page, "b").get_by_role("link").focus()
    await page.keyboard.press("x")
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await expect(page.get_by_text("2 selected")).to_be_visible()
    await page.keyboard.press("a")
    await state("a", "acked")
    await state("b", "acked")
    await expect(page.get_by_role("heading", name="2 acknowledged")).to_be_visible()

    # While something is typed, letters are letters.
    await page.keyboard.press("/")
    await page.keyboard.type("ajax")
    await expect(page.get_by_placeholder("Host or group")).to_have_value("ajax")
    await page.get_by_role("heading", name="Alerts", level=1).click()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await page.keyboard.press("r")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await state("d", "open")

    await page.goto(f"/alerts?q={host_name}")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("/ d:")


async def test_who_works_by_keyboard_stays_at_their_alert_until_they_go_on(look, fail, api, host_name):
    """The focus once moved on by itself, and the next key acted on another alert than the one before."""
    await fail("a", "b", "c", "d")
    page = await look()
    await row(page, "c").get_by_role("link").focus()
    await page.keyboard.press("a")
    await expect(row(page, "c")).to_have_class(re.compile("gone"))
    await page.wait_for_timeout(7000)  # longer than what counts as just having used it
    await expect(row(page, "c").get_by_role("link")).to_be_focused()
    await page.keyboard.press("r")

    await api.until(lambda: _state_is(api, host_name, "c", "resolved"))
    assert await _state_is(api, host_name, "b", "open")
    await page.keyboard.press("j")
    await expect(row(page, "c")).to_have_count(0)
    await expect(row(page, "b").get_by_role("link")).to_be_focused()


async def test_nothing_moves_under_a_thumb(open_context, fail, host_name):
    """Who reads on a phone is not seen to point at anything, and must not tap another alert's button."""
    await fail("first")
    page = await (await open_context(size="phone", has_touch=True, is_mobile=True)).new_page()
    await page.goto(f"/login?next=/alerts?q={host_name}")
    await page.get_by_label("Username").fill("admin")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await page.wait_for_timeout(6000)
    button = row(page, "first").get_by_role("button", name="Acknowledge")
    before = await button.bounding_box()
    await fail("second")

    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    assert await button.bounding_box() == before
    await page.get_by_role("button", name="1 new").click()
    await expect(row(page, "second")).to_be_visible()


async def _state_is(api, host_name: str, group: str, state: str) -> bool:
    return [alert["state"] for alert in await api.alerts(host_name) if alert["source_group_name"] == group] == [state]


async def test_single_keys_can_be_switched_off(look, fail):
    """Who dictates or has unsteady hands must not resolve alerts by saying a word (WCAG 2.1.4)."""
    await fail("a")
    page = await look()
    await page.get_by_role("button", name="Keyboard").click()
    await page.get_by_label("Single keys act").uncheck()
    await page.get_by_role("button", name="Close").click()
    await page.keyboard.press("j")
    await expect(row(page, "a").get_by_role("link")).not_to_be_focused()
    await page.reload()
    await page.keyboard.press("j")
    await expect(row(page, "a").get_by_role("link")).not_to_be_focused()

    await page.get_by_role("button", name="Keyboard").click()
    await page.get_by_label("Single keys act").check()
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await expect(row(page, "a").get_by_role("link")).to_be_focused()


@pytest.mark.parametrize("query", ["cursor=nonsense", "severity=terrible", "host_id=x", "limit=0", "color=blue"])
async def test_what_is_wrong_with_an_address_is_said(page, query):
    answer = await page.goto(f"/alerts?{query}")

    assert answer.status == 422
    await expect(page.get_by_role("heading", name="Invalid request")).to_be_visible()


async def test_an_answer_without_a_selection_says_so(page):
    await page.goto("/alerts")
    token = await page.locator("#acts [name=csrf_token]").get_attribute("value")
    answer = await page.request.post("/alerts/ack", form={"csrf_token": token}, headers={"Accept": "text/html"})

    assert answer.status == 422
    assert "Select at least one alert." in await answer.text()


async def test_anybody_can_use_it(sign_in, fail, accessible, host_name, looks):
    await fail("etc", error_class="wrong_password")
    await fail("mail")
    page = await sign_in(**looks)
    await page.goto(f"/alerts?state=all&q={host_name}")
    await accessible(page)
    await row(page, "etc").get_by_role("checkbox").check()
    await accessible(page)
    await page.locator("#bulk").get_by_role("button", name="Resolve").click()
    await page.get_by_role("heading", name="1 resolved").wait_for()
    await expect(row(page, "etc")).to_contain_text("resolved")
    await accessible(page)
    await page.keyboard.press("?")
    await accessible(page)
    await page.goto("/alerts?q=nothing-is-called-this")
    await accessible(page)

"""The story Keepwatch exists for, by clicks: two source groups of one host, and what a browser can do to them."""

import asyncio
import contextlib
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.installation import Api

PASSWORD = "correct horse battery staple"
RAISED, ACKED, RESOLVED = "alert.raised", "alert.acked", "alert.resolved"


def row_of(page: Page, group: str):
    return page.locator("[data-row]", has=page.get_by_role("link", name=f"/ {group}:"))


@pytest.fixture
def watch(page, host_name):
    """The administrator's page of one host's alerts, live."""

    async def open_list(state: str = "open") -> Page:
        await page.goto(f"/alerts?state={state}&q={host_name}")
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        return page

    return open_list


@pytest.fixture
def told(api, receiver, host_name):
    """Waits until the receiver has heard so much of the host; gives what it heard."""

    async def until(count: int) -> list[tuple[str, str | None]]:
        async def enough():
            heard = receiver.heard(host_name)
            return heard if len(heard) >= count else None

        return await api.until(enough)

    return until


@pytest.fixture
def raised(api, host_name):
    """Has a group of the host fail, and gives the alert."""

    async def fail(group: str = "etc", **about):
        await api.report(host_name, group, "failed", **about)
        return await api.until(lambda: api.open_alert(host_name, group))

    return fail


async def test_two_source_groups(watch, api, told, receiver, host_name):
    page = await watch()
    await expect(page.get_by_text("No alert matches.")).to_be_visible()
    await page.evaluate("window.neverReloaded = true")

    # Two groups fail: two alerts appear by themselves.
    await api.report(host_name, "etc", "failed", error_class="locked")
    await api.report(host_name, "mail", "failed", error_class="no_space")
    await expect(row_of(page, "etc")).to_contain_text("backup failed, repository locked")
    await expect(row_of(page, "mail")).to_contain_text("backup failed, no space left")

    # The first fails again: the count on its row goes up, and there is no other row.
    await api.report(host_name, "etc", "failed", error_class="locked")
    await expect(row_of(page, "etc")).to_contain_text("2 times")
    await expect(page.locator("[data-row]")).to_have_count(2)

    # It recovers: its row leaves, the other stays.
    await api.report(host_name, "etc", "succeeded")
    await expect(row_of(page, "etc")).to_have_count(0)
    await expect(row_of(page, "mail")).to_be_visible()

    # The other is acknowledged and resolved by clicks.
    await row_of(page, "mail").get_by_role("button", name="Acknowledge").click()
    await expect(row_of(page, "mail")).to_contain_text("acked")
    await row_of(page, "mail").get_by_role("button", name="Resolve").click()
    await expect(row_of(page, "mail")).to_contain_text("resolved")
    assert await page.evaluate("window.neverReloaded") is True

    heard = await told(5)
    assert sorted(heard[:2]) == [(RAISED, "etc"), (RAISED, "mail")]
    assert heard[2:] == [(RESOLVED, "etc"), (ACKED, "mail"), (RESOLVED, "mail")]
    assert len({call.webhook_id for call in receiver.calls}) == len(receiver.calls)
    assert [call.actor for call in receiver.calls if call.alert["host_name"] == host_name][3:] == ["admin", "admin"]


@pytest.fixture
async def slow_line(keepwatch):
    """A way to the gateway on which what is sent takes long, and is lost if the sender hangs up meanwhile."""
    port = urlsplit(keepwatch.url).port

    async def carry(reader, writer, seconds=0.0):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await asyncio.sleep(seconds)
                if reader.at_eof() and seconds:
                    break
                writer.write(data)
        writer.close()

    async def connect(reader, writer):
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, to_writer, seconds=0.5), carry(to_reader, writer))

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_click_counts_though_the_page_is_closed_at_once(sign_in, slow_line, api, told, host_name):
    for group in ("etc", "mail"):
        await api.report(host_name, group, "failed")
    await told(2)
    context = (await sign_in()).context
    for group, button in (("etc", "Acknowledge"), ("mail", "Resolve")):
        page = await context.new_page()
        await page.goto(f"{slow_line}/alerts?q={host_name}")
        await row_of(page, group).get_by_role("button", name=button).click(no_wait_after=True)
        await page.close()

    assert sorted((await told(4))[2:]) == [(ACKED, "etc"), (RESOLVED, "mail")]


async def test_a_click_counts_though_the_page_of_the_alert_is_closed_at_once(
    sign_in, slow_line, raised, told, receiver
):
    alert = await raised()
    await told(1)
    context = (await sign_in()).context
    for button, note, count in (("Acknowledge", "on it", 2), ("Resolve", "done", 3)):
        page = await context.new_page()
        await page.goto(f"{slow_line}/alerts/{alert['id']}")
        await page.get_by_label("Note").fill(note)
        await page.get_by_role("button", name=button).click(no_wait_after=True)
        await page.close()
        await told(count)

    assert await told(3) == [(RAISED, "etc"), (ACKED, "etc"), (RESOLVED, "etc")]
    assert [call.note for call in receiver.calls[-2:]] == ["on it", "done"]


async def test_clicks_in_a_hurry_count_once(watch, raised, told):
    """The second click of a double click must hit neither the same button again nor what is there then."""
    await raised()
    page = await watch()
    button = row_of(page, "etc").get_by_role("button", name="Acknowledge")
    await button.dblclick()
    await expect(row_of(page, "etc")).to_contain_text("acked")
    await row_of(page, "etc").get_by_role("button", name="Resolve").dblclick()
    await expect(row_of(page, "etc")).to_contain_text("resolved")

    await told(3)
    await raised()
    assert await told(4) == [(RAISED, "etc"), (ACKED, "etc"), (RESOLVED, "etc"), (RAISED, "etc")]


async def test_fifty_are_acknowledged_at_once(watch, api, told, receiver, host_name):
    names = [f"group-{number:02}" for number in range(50)]
    reports = [{"host": host_name, "kind": "backup", "source_group": name, "status": "failed"} for name in names]
    await api.post("/job-reports", {"reports": reports}, expect=202, create=1)
    await told(50)
    page = await watch()
    await expect(page.locator("[data-row]")).to_have_count(50)

    await page.get_by_label("Select all").check()
    await page.get_by_label("Note").fill("the whole rack")
    await page.get_by_text("50 selected").wait_for()
    await page.locator("#bulk").get_by_role("button", name="Acknowledge").click()

    await expect(page.get_by_role("heading", name="50 acknowledged")).to_be_visible()
    await page.get_by_text("Each of them").click()
    await expect(page.locator("#bulk-result li")).to_have_count(50)
    await expect(page.locator("[data-row]")).to_have_count(0)
    await expect(page.get_by_label("Note")).to_be_hidden()
    heard = (await told(100))[50:]
    assert sorted(heard) == [(ACKED, name) for name in names]
    assert {call.note for call in receiver.calls if call.type == ACKED} == {"the whole rack"}


async def test_a_viewer_sees_no_buttons_and_may_not_by_hand(sign_in, person, raised, api, host_name):
    alert = await raised()
    page = await sign_in(*await person("viewer"))
    for path in (f"/alerts?q={host_name}", f"/alerts/{alert['id']}"):
        await page.goto(path)
        await expect(page.get_by_text(alert["title"]).first).to_be_visible()
        await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
        await expect(page.get_by_role("button", name="Resolve")).to_have_count(0)
        await expect(page.get_by_role("checkbox")).to_have_count(0)
        await expect(page.get_by_label("Note")).to_have_count(0)

    token = (await (await page.request.get("/api/v1/me")).json())["csrf_token"]
    form = {"csrf_token": token, "id": alert["id"]}
    html = {"Accept": "text/html"}
    for path in (f"/alerts/{alert['id']}/ack", f"/alerts/{alert['id']}/resolve", "/alerts/ack", "/alerts/resolve"):
        answer = await page.request.post(path, form=form, headers=html)
        assert answer.status == 403
        assert "role operator" in await answer.text()
    for verb in ("ack", "resolve"):
        answer = await page.request.post(
            f"/api/v1/alerts/{alert['id']}/{verb}", data={}, headers={"X-CSRF-Token": token}
        )
        assert answer.status == 403
        assert "role operator" in await answer.text()
    assert (await api.get(f"/alerts/{alert['id']}"))["state"] == "open"


async def test_a_password_that_was_changed_leads_to_sign_in_and_back(sign_in, person, raised, api, host_name):
    await raised()
    name, password = await person("operator")
    page = await sign_in(name, password)
    await page.goto(f"/alerts?q={host_name}&state=all")
    (user,) = [each for each in (await api.get("/users", limit=200))["items"] if each["name"] == name]
    await api.call("PATCH", f"/users/{user['id']}", {"password": "another long password"})

    # Nobody clicks: the page finds out by itself.
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=30_000)
    await page.get_by_label("Username").fill(name)
    await page.get_by_label("Password").fill("another long password")
    await page.get_by_role("button", name="Sign in").click()

    await page.wait_for_url(f"**/alerts?q={host_name}&state=all")
    await expect(row_of(page, "etc")).to_be_visible()


async def test_a_click_in_a_session_that_ended_leads_to_sign_in_and_back(watch, raised):
    await raised()
    page = await watch()
    await page.context.clear_cookies()
    await row_of(page, "etc").get_by_role("button", name="Acknowledge").click()

    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.get_by_label("Username").fill("admin")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await row_of(page, "etc").get_by_role("button", name="Acknowledge").click()
    await expect(row_of(page, "etc")).to_contain_text("acked")


async def test_the_gateway_is_killed_and_the_page_misses_nothing(watch, keepwatch, api, http, host_name):
    page = await watch()
    await page.evaluate("window.neverReloaded = true")
    keepwatch.start("api", 2)
    await asyncio.to_thread(keepwatch.wait_ready)
    other = Api(http, f"http://127.0.0.1:{keepwatch.ports['api-2']}", api.token)
    try:
        await asyncio.to_thread(keepwatch.kill, "api-1")
        await expect(page.locator("#live")).to_have_attribute("data-state", "away")
        await other.report(host_name, "etc", "failed", error_class="locked")
        await other.until(lambda: other.open_alert(host_name, "etc"))
        await expect(row_of(page, "etc")).to_have_count(0)

        keepwatch.start("api")
        await expect(row_of(page, "etc")).to_be_visible(timeout=30_000)
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        await api.report(host_name, "mail", "failed")
        await expect(row_of(page, "mail")).to_be_visible()
        assert await page.evaluate("window.neverReloaded") is True
    finally:
        if "api-1" not in keepwatch.processes:
            keepwatch.start("api")
        await asyncio.to_thread(keepwatch.kill, "api-2")
        await asyncio.to_thread(keepwatch.wait_ready)


async def test_a_click_while_the_gateway_is_away_says_so(watch, keepwatch, raised):
    await raised()
    page = await watch()
    try:
        await asyncio.to_thread(keepwatch.kill, "api-1")
        await row_of(page, "etc").get_by_role("button", name="Acknowledge").click()
        await expect(page.locator(".toast")).to_contain_text("did not answer")
        await expect(row_of(page, "etc")).to_contain_text("open")
    finally:
        keepwatch.start("api")
        await asyncio.to_thread(keepwatch.wait_ready)


async def test_what_attackers_name_things_is_text(watch, api, receiver, host_name):
    evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    host, group = f"{host_name} {evil}", f"etc {evil}"
    channel = await api.post("/channels", {"name": f"{host_name} {evil}", "kind": "webhook",
                                           "config": {"url": receiver.url}})  # fmt: skip
    await api.report(host, group, "failed", message=f"{evil} & more")
    alert = await api.until(lambda: api.open_alert(host, group))
    await api.post(f"/alerts/{alert['id']}/ack", {"note": evil}, expect=204)
    page = await watch("all")
    await expect(page.get_by_text(evil).first).to_be_visible()
    await page.get_by_role("link", name=host_name).first.click()

    await expect(page.get_by_role("heading", level=1)).to_contain_text(evil)
    await expect(page.locator(".timeline .said")).to_have_text(evil)
    await expect(page.locator("pre").first).to_have_text(f"{evil} & more")
    await expect(page.locator(".told").get_by_text(f"{host_name} {evil}").first).to_be_visible()
    await page.goto(f"/alerts?q={evil}&state={evil}")
    await expect(page.get_by_placeholder("Host or group")).to_have_value(evil)
    assert await page.evaluate("window.hacked") is None
    await api.call("DELETE", f"/channels/{channel['id']}")

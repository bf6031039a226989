"""Channels: who is told, and whether they hear it."""

import re
from uuid import uuid4

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from tests.installation import free_port

SCRIPT = "<script>window.hacked = 1</script>"


@pytest.fixture
async def stubborn():
    """A receiver that refuses everything, in words of its own; its URL, and the headers it was called with."""
    heard = []

    async def refuse(request: web.Request) -> web.Response:
        heard.append(dict(request.headers))
        return web.Response(status=418, text=f"{SCRIPT} I am a teapot")

    app = web.Application()
    app.router.add_post("/hook", refuse)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/hook", heard
    await runner.cleanup()


@pytest.fixture
async def made(api):
    """Makes channels and deletes them afterwards."""
    channels = []

    async def make(url: str, **more):
        body = {"name": f"channel {uuid4().hex[:8]}", "kind": "webhook", "config": {"url": url}} | more
        channels.append(await api.post("/channels", body))
        return channels[-1]

    yield make
    for channel in channels:
        await api.call("DELETE", f"/channels/{channel['id']}")


@pytest.fixture
async def broken(api, stubborn, made, host_name):
    """A channel with a secret, whose receiver refuses what it is told."""
    url, _ = stubborn
    channel = await made(url, config={"url": url, "headers": {"X-Team": "hunter22"}})
    await api.report(host_name, "etc", "failed")
    await api.until(lambda: _states(api, channel, {"dead", "failed"}))
    return channel


async def fill_in(page: Page, name: str, url: str) -> None:
    await page.goto("/channels")
    await page.get_by_role("link", name="Add channel").first.click()
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("URL").fill(url)


async def test_a_channel_is_added_tested_and_told(page, api, receiver, host_name, made):
    name = f"ops {uuid4().hex[:8]}"
    await fill_in(page, name, receiver.url)
    await page.get_by_role("button", name="Add channel").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    receiver.secret = await page.locator("#secret").text_content()
    (channel,) = [each for each in (await api.get("/channels"))["items"] if each["name"] == name]

    await page.get_by_role("button", name="Send test").click()
    await expect(page.locator("#test")).to_contain_text("The test arrived")
    await expect(page.locator("#test")).to_contain_text("204")
    assert [(call.type, call.valid) for call in receiver.calls] == [("keepwatch.test", True)]
    await page.get_by_role("link", name="Done").click()
    await expect(page.get_by_role("button", name="Save")).to_be_visible()
    assert receiver.secret not in await page.content()

    await api.report(host_name, "etc", "failed")
    row = page.get_by_role("row", name=re.compile(host_name))
    await expect(row).to_contain_text("raised")
    await expect(row).to_contain_text("delivered")
    await expect(page.locator(".figure.delivered").first).to_contain_text("1 delivered")
    await api.call("DELETE", f"/channels/{channel['id']}")


async def test_a_mistake_is_said_at_its_field_and_keeps_what_was_typed(page, api):
    name = f"bad {uuid4().hex[:8]}"
    await fill_in(page, name, "ftp://example.org/hook")
    await page.get_by_label("Severity").select_option(label="Critical only")
    await page.get_by_label("resolved").uncheck()
    await page.get_by_label("check failed").check()
    await page.get_by_label("Host labels").fill("env=prod")
    await page.get_by_label("Header name").fill("X-Team")
    await page.get_by_label("Header value").fill("hunter22")
    await page.get_by_role("button", name="Add channel").click()

    await expect(page.get_by_label("URL")).to_have_accessible_description(re.compile("http"))
    await expect(page.get_by_label("URL")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("URL")).to_have_value("ftp://example.org/hook")
    await expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    await expect(page.get_by_label("Severity")).to_have_value("critical")
    await expect(page.get_by_label("resolved")).not_to_be_checked()
    await expect(page.get_by_label("check failed")).to_be_checked()
    await expect(page.get_by_label("Host labels")).to_have_value("env=prod")
    await expect(page.get_by_label("Header name").first).to_have_value("X-Team")
    assert "hunter22" not in await page.content()
    assert name not in {each["name"] for each in (await api.get("/channels"))["items"]}


async def test_a_taken_name_is_said(page, receiver, made):
    taken = (await made(receiver.url))["name"]
    await fill_in(page, taken.upper(), receiver.url)
    await page.get_by_role("button", name="Add channel").click()

    await expect(page.locator("main").get_by_role("alert")).to_contain_text(taken, ignore_case=True)
    await expect(page.get_by_label("URL")).to_have_value(receiver.url)


async def test_a_channel_is_changed_and_its_secrets_stay(page, api, stubborn, made):
    url, heard = stubborn
    channel = await made(url, config={"url": url, "headers": {"X-Team": "hunter22"}})
    await page.goto(f"/channels/{channel['id']}")
    assert "hunter22" not in await page.content()
    await page.get_by_label("Name", exact=True).fill(f"{channel['name']} renamed")
    await page.get_by_label("acknowledged").uncheck()
    await page.get_by_role("button", name="Save").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text(f"{channel['name']} renamed")
    assert (await api.get(f"/channels/{channel['id']}"))["events"] == ["raised", "resolved"]
    await page.get_by_role("button", name="Send test").click()
    await expect(page.locator("#test")).to_contain_text("The test did not arrive")
    assert heard[-1]["X-Team"] == "hunter22"


async def test_a_changed_url_wants_the_secrets_again(page, api, stubborn, receiver, made):
    """Who may change the address must not make the old secrets go there."""
    url, _ = stubborn
    channel = await made(url, config={"url": url, "headers": {"X-Team": "hunter22"}})
    await page.goto(f"/channels/{channel['id']}")
    await page.get_by_label("URL").fill(receiver.url)
    await page.get_by_role("button", name="Save").click()

    await expect(page.locator("#config_headers-wrong")).to_be_visible()
    await expect(page.get_by_label("URL")).to_have_value(receiver.url)
    assert (await api.get(f"/channels/{channel['id']}"))["config"]["url"] == url
    await page.get_by_label("Value of X-Team").fill("hunter33")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("The channel is changed.")).to_be_visible()
    assert (await api.get(f"/channels/{channel['id']}"))["config"]["url"] == receiver.url


async def test_a_signing_secret_is_renewed_and_shown_once(page, api, receiver, host_name):
    (channel,) = [each for each in (await api.get("/channels"))["items"] if each["config"]["url"] == receiver.url]
    await page.goto(f"/channels/{channel['id']}")
    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Renew signing secret").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("has a new secret")
    new = await page.locator("#secret").text_content()
    assert new != receiver.secret
    receiver.secret = new
    await page.get_by_role("link", name="Done").click()
    await expect(page.get_by_role("button", name="Save")).to_be_visible()
    assert new not in await page.content()

    await api.report(host_name, "etc", "failed")
    await api.until(lambda: _heard(receiver, host_name))
    assert receiver.calls[-1].valid


async def test_a_channel_is_disabled_enabled_and_deleted(page, api, receiver, made):
    channel = await made(receiver.url)
    await page.goto(f"/channels/{channel['id']}")
    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Disable").click()
    await expect(page.locator(".head .badge")).to_have_text("disabled")
    assert not (await api.get(f"/channels/{channel['id']}"))["enabled"]

    await page.get_by_role("button", name="Enable").click()
    await expect(page.locator(".head .badge")).to_have_text("enabled")

    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("The channel is deleted.")).to_be_visible()
    assert (await api.call("GET", f"/channels/{channel['id']}"))[0] == 404


async def test_what_was_given_up_is_sent_again(page, api, receiver, host_name):
    receiver.answers = [500] * 6
    await api.report(host_name, "etc", "failed")
    (channel,) = [each for each in (await api.get("/channels"))["items"] if each["config"]["url"] == receiver.url]
    await api.until(lambda: _states(api, channel, {"dead"}))

    await page.goto("/channels")
    card = page.locator(f"#channel-{channel['id']}")
    await expect(card).to_contain_text("1 given up")
    await card.get_by_role("link", name=channel["name"]).click()
    await page.get_by_role("link", name="Given up").click()
    row = page.get_by_role("row", name=re.compile(host_name))
    await expect(row).to_contain_text("given up")
    await expect(row).to_contain_text("500")
    await row.get_by_role("button", name="Retry").click()

    await expect(row).to_have_count(0)
    await page.get_by_role("link", name="All").click()
    await expect(row).to_contain_text("delivered")
    assert {call.webhook_id for call in receiver.calls} == {receiver.calls[0].webhook_id}


async def test_what_receivers_answer_is_text(page, api, stubborn, host_name, made):
    url, _ = stubborn
    channel = await made(url, name=f"{SCRIPT}{uuid4().hex[:6]}")
    await api.report(host_name, SCRIPT, "failed", message=SCRIPT)
    await api.until(lambda: _states(api, channel, {"dead", "failed"}))
    await page.goto("/channels")
    await expect(page.get_by_role("link", name=channel["name"])).to_be_visible()
    await page.goto(f"/channels/{channel['id']}")
    await expect(page.get_by_role("row", name=re.compile(host_name))).to_contain_text("418")
    await page.get_by_role("button", name="Send test").click()

    await expect(page.locator("#test")).to_contain_text("418")
    assert await page.evaluate("window.hacked") is None


async def test_a_viewer_sees_channels_and_changes_none(sign_in, person, receiver, made):
    channel = await made(receiver.url)
    page = await sign_in(*await person("viewer"))
    await page.goto(f"/channels/{channel['id']}")

    await expect(page.get_by_role("heading", level=1)).to_contain_text(channel["name"])
    await expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
    assert await page.locator("main form").count() == 0
    assert (await page.request.get("/channels/new")).status == 403
    token = await page.evaluate("document.cookie.match(/keepwatch_csrf=([^;]+)/)[1]")
    for click in ("", "/test", "/enable", "/disable", "/delete"):
        answer = await page.request.post(f"/channels/{channel['id']}{click}", form={"csrf_token": token})
        assert answer.status == 403, click
        assert "role" in await answer.text(), click


async def test_an_operator_retries_and_configures_nothing(sign_in, person, api, receiver, host_name):
    receiver.answers = [500] * 6
    await api.report(host_name, "etc", "failed")
    (channel,) = [each for each in (await api.get("/channels"))["items"] if each["config"]["url"] == receiver.url]
    await api.until(lambda: _states(api, channel, {"dead"}))
    page = await sign_in(*await person("operator"))
    await page.goto(f"/channels/{channel['id']}")

    for label in ("Send test", "Disable", "Delete", "Save"):
        await expect(page.get_by_role("button", name=label)).to_have_count(0)
    row = page.get_by_role("row", name=re.compile(host_name))
    await row.get_by_role("button", name="Retry").click()
    await expect(row).to_contain_text("delivered")


async def test_the_pages_are_accessible_and_fit(sign_in, broken, accessible, looks):
    page = await sign_in(**looks)
    for path in ("/channels", "/channels/new", f"/channels/{broken['id']}", f"/channels/{broken['id']}?show=dead"):
        answer = await page.goto(path)
        assert answer.status == 200, path
        await accessible(page)
    await page.goto(f"/channels/{broken['id']}")
    await page.get_by_role("button", name="Send test").click()
    await expect(page.locator("#test")).to_contain_text("did not arrive")
    await page.get_by_label("URL").fill("http://127.0.0.1:1/elsewhere")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#config_headers-wrong")).to_be_visible()
    await accessible(page)


async def _states(api, channel, wanted: set[str]) -> bool:
    deliveries = (await api.get("/deliveries", channel_id=channel["id"]))["items"]
    return bool(deliveries) and {delivery["state"] for delivery in deliveries} <= wanted


async def _heard(receiver, host_name: str) -> bool:
    return bool(receiver.heard(host_name))

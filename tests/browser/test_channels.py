"""Channels: who is told, and whether they hear it."""

import pytest
from playwright.async_api import expect

LOOKS = [{"scheme": scheme, "size": size} for scheme in ("light", "dark") for size in ("desktop", "phone")]


async def test_the_list_leads_to_a_channel_and_what_it_was_told(page, api, receiver, host_name):
    await api.report(host_name, "mail", "failed")
    await api.until(lambda: _heard(receiver, host_name))
    (channel,) = [each for each in (await api.get("/channels"))["items"] if each["config"]["url"] == receiver.url]

    await page.goto("/channels")
    await page.get_by_role("link", name=channel["name"]).click()

    await expect(page.get_by_role("heading", level=1)).to_contain_text(channel["name"])
    await expect(page.get_by_text(host_name).first).to_be_visible()


async def test_a_viewer_sees_channels_and_changes_none(sign_in, person, receiver):
    page = await sign_in(*await person("viewer"))
    await page.goto("/channels")

    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert (await page.request.get("/channels/new")).status == 403


@pytest.mark.parametrize("look", LOOKS)
async def test_the_pages_are_accessible_and_fit(sign_in, api, receiver, accessible, look):
    (channel,) = [each for each in (await api.get("/channels"))["items"] if each["config"]["url"] == receiver.url]
    page = await sign_in(**look)
    for path in ("/channels", "/channels/new", f"/channels/{channel['id']}"):
        answer = await page.goto(path)
        assert answer.status == 200, path
        await accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


async def _heard(receiver, host_name: str) -> bool:
    return bool(receiver.heard(host_name))

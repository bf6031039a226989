"""One alert: what it says, who was told, and what happens while somebody looks at it."""

import re
import sys
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

PROGRAM = """
import sys
out = sys.stdout.buffer
out.write(b"opening <b>snapshot</b>\\n" * 3)
for n in range(20000):
    out.write(b"scanned /srv/mail/%d without a problem worth a word\\n" % n)
out.write(b"\\x00\\xff\\xfe\\x1b[31mbinary\\x1b[0m junk\\n")
out.write(b"<script>window.hacked = 1</script> Fatal: unable to open /srv/mail/lost\\n")
out.write(b"that was all\\n")
out.flush()
sys.exit(3)
"""


@pytest.fixture
def raised(api, host_name):
    """Has a group of the host fail, and gives the alert."""

    async def fail(group: str = "etc", **about):
        await api.report(host_name, group, "failed", **about)
        return await api.until(lambda: api.open_alert(host_name, group))

    return fail


@pytest.fixture
def look(page):
    """The administrator's page of an alert, live."""

    async def open_alert(alert) -> Page:
        await page.goto(f"/alerts/{alert['id']}")
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        return page

    return open_alert


async def test_it_says_what_failed_and_what_to_do(look, raised, api, host_name):
    await api.report(host_name, "etc", "succeeded")
    alert = await raised(error_class="locked", message="Fatal: unable to create lock in backend")
    page = await look(alert)

    await expect(page.get_by_role("heading", level=1)).to_have_text(alert["title"])
    await expect(page.locator(".lead")).to_have_text(
        f"The backup of etc on {host_name} failed, so nothing new was saved. "
        "Another process held the lock of the repository."
    )
    await expect(page.get_by_text("What to do:")).to_be_visible()
    await expect(page.locator("pre").first).to_have_text("Fatal: unable to create lock in backend")
    facts = page.locator(".facts")
    await expect(facts).to_contain_text(host_name)
    job = facts.get_by_role("link", name="backup job")
    await expect(job).to_have_attribute("href", re.compile(alert["raised_job_id"]))
    await expect(page.get_by_text("This job left no log.")).to_be_visible()
    await expect(page.get_by_text("This is the first time.")).to_be_visible()


async def test_its_timeline_grows_by_itself(look, raised, api, host_name):
    alert = await raised()
    page = await look(alert)
    await raised()
    await expect(page.locator(".facts")).to_contain_text("2 times")
    await api.post(f"/alerts/{alert['id']}/ack", {"note": "on my way"}, expect=204)
    timeline = page.locator(".timeline li")
    await expect(timeline.nth(1)).to_contain_text("Acknowledged by admin token")
    await expect(timeline.nth(1)).to_contain_text("on my way")
    await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    await api.report(host_name, "etc", "succeeded")

    await expect(timeline.nth(2)).to_contain_text("Resolved by itself, as it works again")
    await expect(page.get_by_role("button", name="Resolve")).to_have_count(0)
    await expect(page.locator(".facts").get_by_role("link", name="backup job")).to_have_count(2)


async def test_resolve_keeps_its_place_when_somebody_else_acknowledges(look, raised, api):
    """Who is about to press Acknowledge must not find Resolve there."""
    alert = await raised()
    page = await look(alert)
    resolve = page.get_by_role("button", name="Resolve")
    place = await resolve.bounding_box()
    await api.post(f"/alerts/{alert['id']}/ack", {}, expect=204)

    await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    assert await resolve.bounding_box() == place


async def test_a_note_that_is_being_typed_is_not_lost(look, raised, api):
    alert = await raised()
    page = await look(alert)
    note = page.get_by_label("Note")
    await note.press_sequentially("I think it is")
    await api.post(f"/alerts/{alert['id']}/ack", {}, expect=204)
    await expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    await expect(note).to_be_focused()
    await page.keyboard.type(" the switch")
    await expect(note).to_have_value("I think it is the switch")

    # It is resolved by somebody else: what was typed can still be copied.
    await api.post(f"/alerts/{alert['id']}/resolve", {}, expect=204)
    unsent = page.get_by_label("Your note was not sent")
    await expect(unsent).to_have_value("I think it is the switch")
    await page.reload()
    await expect(unsent).to_be_hidden()


async def test_enter_in_the_note_acknowledges_and_never_resolves(look, raised):
    page = await look(await raised())
    await page.get_by_label("Note").fill("mine")
    await page.get_by_label("Note").press("Enter")
    await expect(page.locator(".timeline")).to_contain_text("Acknowledged by admin")
    await page.get_by_label("Note").press("Enter")
    await page.get_by_label("Note").fill("done")
    await page.keyboard.press("Tab")
    await page.keyboard.press("r")

    await expect(page.locator(".timeline")).to_contain_text("Resolved by admin")
    assert await page.locator(".said").all_text_contents() == ["mine", "done"]


async def test_too_late_is_said(look, raised, api, page):
    alert = await raised()
    await look(alert)
    await page.route(f"**/alerts/{alert['id']}", lambda route: route.abort())
    await api.post(f"/alerts/{alert['id']}/resolve", {}, expect=204)
    await page.get_by_role("button", name="Acknowledge").click()

    await expect(page.locator(".toast")).to_have_text("The alert is resolved already.")


async def test_too_late_is_said_without_scripts(sign_in, raised, api):
    alert = await raised()
    page = await sign_in(java_script_enabled=False)
    await page.goto(f"/alerts/{alert['id']}")
    await api.post(f"/alerts/{alert['id']}/resolve", {}, expect=204)
    await page.get_by_role("button", name="Acknowledge").click()

    await expect(page.get_by_role("alert")).to_have_text("The alert is resolved already.")
    await expect(page.locator(".timeline")).to_contain_text("Resolved by")


async def test_a_note_that_is_too_long_is_refused_in_words(page, raised):
    alert = await raised()
    await page.goto(f"/alerts/{alert['id']}")
    token = await page.locator("#act [name=csrf_token]").get_attribute("value")
    for note in ("é" * 3000, "a\0b"):
        answer = await page.request.post(
            f"/alerts/{alert['id']}/ack", form={"csrf_token": token, "note": note}, headers={"Accept": "text/html"}
        )
        assert answer.status == 422
        assert "must" in await answer.text()


async def test_an_unknown_alert_is_not_found(page):
    for address in (f"/alerts/{uuid4()}", "/alerts/no-id"):
        answer = await page.goto(address)
        assert answer.status == 404
        await expect(page.get_by_role("heading", name=re.compile("not found", re.IGNORECASE))).to_be_visible()


async def test_why_each_channel_was_told_or_not(look, raised, api, receiver, host_name):
    quiet = await api.post(
        "/channels",
        {"name": f"quiet {host_name}", "kind": "webhook", "config": {"url": receiver.url},
         "filter": {"min_severity": "critical"}},
    )  # fmt: skip
    off = await api.post(
        "/channels",
        {"name": f"off {host_name}", "kind": "webhook", "config": {"url": receiver.url}, "enabled": False},
    )
    page = await look(await raised())
    told = page.locator(".told")
    await expect(told.locator("li", has_text="receiver")).to_contain_text("delivered")
    await expect(told.locator("li", has_text="receiver")).to_contain_text("Told, because the channel is on")
    await expect(told.locator("li", has_text=quiet["name"])).to_contain_text(
        "Not told, because severity warning is below critical."
    )
    await expect(told.locator("li", has_text=off["name"])).to_contain_text("Not told, because the channel is disabled.")
    await page.get_by_role("button", name="Acknowledge").click()

    later = told.get_by_role("region", name="When it was acknowledged")
    await expect(later.locator("li", has_text="receiver")).to_contain_text("delivered")
    await expect(later.locator("li", has_text=quiet["name"])).to_contain_text("Not told, because severity")
    await later.get_by_text("1 attempt").click()
    await expect(later.locator(".attempts")).to_contain_text("answered 204")
    for channel in (quiet, off):
        await api.call("DELETE", f"/channels/{channel['id']}")


async def test_a_dead_delivery_is_retried_by_a_click(look, raised, receiver):
    receiver.answers = [500] * 6
    page = await look(await raised())
    told = page.locator(".told li", has_text="receiver")
    await expect(told).to_contain_text("is tried again")
    await told.locator("summary").click()
    await expect(told.get_by_text("dead", exact=True)).to_be_visible(timeout=40_000)
    # The list that was opened is still open, after all those refreshes.
    await expect(told.locator(".attempts li")).to_have_count(6)
    await expect(told.locator(".attempts li").first).to_be_visible()

    await told.get_by_role("button", name="Retry").click()

    await expect(told.get_by_text("delivered", exact=True)).to_be_visible()
    await expect(told.locator(".attempts li")).to_have_count(7)
    await expect(told.get_by_role("button", name="Retry")).to_have_count(0)


async def test_a_viewer_may_not_retry(sign_in, person, raised, api, receiver):
    receiver.answers = [500] * 6
    alert = await raised()

    async def failed():
        found = (await api.get(f"/alerts/{alert['id']}"))["deliveries"]
        return found if found and found[0]["state"] in {"failed", "dead"} else None

    (delivery,) = await api.until(failed)
    page = await sign_in(*await person("viewer"))
    await page.goto(f"/alerts/{alert['id']}")
    await expect(page.locator(".told li", has_text="receiver")).to_be_visible()
    await expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    token = (await (await page.request.get("/api/v1/me")).json())["csrf_token"]
    for path, headers in (
        (f"/alerts/{alert['id']}/deliveries/{delivery['id']}/retry", {}),
        (f"/api/v1/deliveries/{delivery['id']}/retry", {"X-CSRF-Token": token}),
    ):
        answer = await page.request.post(path, form={"csrf_token": token}, headers=headers)
        assert answer.status == 403


async def test_the_log_is_shown_where_it_fails(look, api, host_name, run_agent, tmp_path):
    host = await api.post("/hosts", {"name": host_name, "repository": {"url": str(tmp_path / "repository")}})
    group = await api.post(
        f"/hosts/{host['id']}/source-groups",
        {"name": "mail", "paths": ["/srv/mail"], "engine": "command", "command": [sys.executable, "-c", PROGRAM]},
    )
    async with run_agent(host["agent_token"], "--allow-command", sys.executable):
        job = await api.post(f"/source-groups/{group['id']}/run", expect=202)

        async def logged():
            alert = await api.open_alert(host_name, "mail")
            _, log = await api.call("GET", f"/jobs/{job['id']}/log")
            return alert if alert and "\nthat was all" in log else None

        alert = await api.until(logged, 40)
    page = await look(alert)
    log = page.locator("pre.log")

    await expect(log.locator("mark")).to_have_text(
        "<script>window.hacked = 1</script> Fatal: unable to open /srv/mail/lost"
    )
    await expect(log).to_contain_text("that was all")
    assert len((await log.inner_text()).splitlines()) <= 43
    assert await page.evaluate("window.hacked") is None
    whole = await page.request.get(await page.get_by_role("link", name="Whole log").get_attribute("href"))
    assert "opening <b>snapshot</b>" in await whole.text()
    assert whole.headers["content-type"].startswith("text/plain")


async def test_earlier_alerts_of_the_same_problem(look, raised, api, host_name):
    await raised("mail")
    first = await raised(error_class="locked")
    await api.post(f"/alerts/{first['id']}/resolve", {"note": "unlocked it"}, expect=204)
    page = await look(await raised(error_class="no_space"))

    rows = page.get_by_role("row")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text("unlocked it")
    await rows.nth(1).get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(first["title"])
    await expect(page.get_by_text("This is the first time.")).to_be_visible()
    await page.get_by_role("link", name=f"All alerts of {host_name}").click()
    await expect(page.locator("[data-row]")).to_have_count(3)


async def test_the_notifier_does_not_answer(look, raised, keepwatch):
    alert = await raised()
    keepwatch.kill("notifier-1")
    try:
        page = await look(alert)
        await expect(page.get_by_text("The notifier does not answer right now.")).to_be_visible()
        await expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
    finally:
        keepwatch.start("notifier")
        keepwatch.wait_ready()


@pytest.mark.usefixtures("receiver")
async def test_anybody_can_use_it(sign_in, raised, api, accessible, looks):
    alert = await raised(error_class="locked", message="Fatal: locked")
    await api.post(f"/alerts/{alert['id']}/resolve", {"note": "unlocked it"}, expect=204)
    alert = await raised(error_class="locked", message="Fatal: locked\n" * 60)
    await api.post(f"/alerts/{alert['id']}/ack", {"note": "on it " * 50}, expect=204)
    page = await sign_in(**looks)
    await page.goto(f"/alerts/{alert['id']}")
    await page.get_by_text("attempt").first.click()
    await accessible(page)
    await api.post(f"/alerts/{alert['id']}/resolve", {}, expect=204)
    await expect(page.locator(".timeline .resolved")).to_be_visible()
    await accessible(page)

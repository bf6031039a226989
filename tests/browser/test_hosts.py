"""Hosts by clicks: one is added and connects, its groups run, its schedules are thought out, and it goes again."""

import asyncio
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

RESTIC = shutil.which("restic")
SLEEP, TAR = shutil.which("sleep"), shutil.which("tar")
NASTY = "<img src=x onerror=alert(1)>"


async def go(page: Page, path: str) -> None:
    """Open a page and wait until it hears what happens."""
    await page.goto(path)
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")


async def add_host(page: Page, name: str) -> str:
    """Add a host without a repository by the form; its token."""
    await page.goto("/hosts")
    await page.get_by_role("link", name="Add host").first.click()
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_role("button", name="Add host").click()
    await expect(page.get_by_role("heading", name=f"Connect {name}")).to_be_visible()
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return await page.locator("#token").inner_text()


async def made(api, name: str, *groups: dict, **fields) -> tuple[str, str]:
    """A host made by the API; its page and its agent's token."""
    host = await api.post("/hosts", {"name": name} | fields)
    for group in groups:
        await api.post(f"/hosts/{host['id']}/source-groups", group)
    return f"/hosts/{host['id']}", host["agent_token"]


def by_command(name: str, *command: str) -> dict:
    return {"name": name, "paths": ["/etc/hostname"], "engine": "command", "command": list(command)}


def row(page: Page, name: str):
    """The row of a source group."""
    return page.locator("#host tr", has=page.get_by_text(name, exact=True))


async def is_online(page: Page, name: str) -> None:
    await expect(page.locator("#host-status")).to_contain_text(f"{name} is online")


async def test_a_host_is_added_and_its_page_shows_by_itself_that_it_connects(page, host_name, run_agent):
    token = await add_host(page, host_name)
    await expect(page.locator("#run")).to_contain_text("keepwatch agent --server http://127.0.0.1")
    await expect(page.locator("main").get_by_text("never seen")).to_be_visible()

    async with run_agent(token):
        await expect(page.get_by_text(f"{host_name} is online: its agent is connected.")).to_be_visible()

    await page.reload()
    await expect(page.get_by_role("heading", name=host_name, exact=True)).to_be_visible()
    assert token not in await page.content()


async def test_the_token_is_copied_by_its_button(sign_in, host_name):
    page = await sign_in(permissions=["clipboard-read", "clipboard-write"])
    token = await add_host(page, host_name)

    await page.get_by_role("button", name="Copy the token").click()

    await expect(page.locator(".toast")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == token


async def test_a_host_is_added_with_a_new_repository_and_labels(page, api, host_name):
    await page.goto("/hosts/new")
    await page.get_by_label("Name", exact=True).fill(host_name)
    await page.get_by_label("Labels").fill("site=berlin\nrole=web")
    await page.get_by_label("Tell me when its agent is silent").select_option("never (a laptop)")
    await expect(page.get_by_label("Address")).to_be_hidden()
    await page.get_by_label("A new one").check()
    await page.get_by_label("Address").fill(f"s3:https://s3.example.com/{host_name}")
    await page.get_by_label("Password", exact=True).fill("correct horse")
    await page.get_by_label("Environment").fill("AWS_ACCESS_KEY_ID=abc")
    await page.get_by_role("button", name="Add host").click()
    await expect(page.get_by_role("heading", name=f"Connect {host_name}")).to_be_visible()

    (host,) = (await api.get("/hosts", name=host_name))["items"]
    assert (host["labels"], host["offline_after_seconds"]) == ({"site": "berlin", "role": "web"}, None)
    assert host["repository"]["url"] == f"s3:https://s3.example.com/{host_name}"


async def test_what_was_typed_stays_when_a_name_is_taken_and_only_the_secret_goes(page, api, host_name):
    await made(api, host_name)
    await page.goto("/hosts/new")
    await page.get_by_label("Name", exact=True).fill(host_name)
    await page.get_by_label("A new one").check()
    await page.get_by_label("Address").fill("/srv/backup")
    await page.get_by_label("Password", exact=True).fill("correct horse")
    await page.get_by_role("button", name="Add host").click()

    await expect(page.get_by_role("alert")).to_contain_text("There is a host named")
    await expect(page.get_by_label("Name", exact=True)).to_have_value(host_name)
    await expect(page.get_by_label("Address")).to_have_value("/srv/backup")
    await expect(page.get_by_label("Password", exact=True)).to_have_value("")


async def test_a_known_repository_is_found_while_its_name_is_typed(page, api, host_name):
    await api.post("/repositories", {"name": f"vault {host_name}", "url": "/srv/vault", "password": "x"})
    path, _ = await made(api, host_name)
    await page.goto(f"{path}/edit")
    field = page.get_by_label("Repository")
    await field.press_sequentially(host_name[-4:])
    await expect(page.locator(f"#repositories option[value='vault {host_name}']")).to_have_count(1)
    await field.fill("nobody's")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("There is no repository of this name.")).to_be_visible()

    await field.fill(f"VAULT {host_name}")
    await page.get_by_role("button", name="Save").click()

    await expect(page.get_by_text("The host is changed.")).to_be_visible()
    await expect(page.get_by_role("link", name=f"vault {host_name}")).to_be_visible()


async def test_a_group_is_added_run_and_seen_to_succeed(page, api, host_name, run_agent, tmp_path):
    """The story without restic: a command that the agent's own flags allow."""
    path, token = await made(api, host_name)
    await go(page, path)
    await page.get_by_role("link", name="Add source group").first.click()
    await page.get_by_label("Name", exact=True).fill("etc")
    await page.get_by_label("Paths").fill("/etc/hostname")
    await page.get_by_label("a command of the host").check()
    await expect(page.get_by_label("Excludes")).to_be_hidden()
    await page.get_by_label("Command", exact=True).fill(f"{TAR}\ncf\n{tmp_path}/etc.tar\n/etc/hostname")
    await page.get_by_role("button", name="Add source group").click()
    await expect(page.get_by_text("The source group is added.")).to_be_visible()
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")

    async with run_agent(token, "--allow-command", TAR):
        await is_online(page, host_name)
        await page.get_by_role("button", name="Run now").click()

        await expect(page.locator(".toast")).to_have_text("Backup of etc is on its way.")
        await expect(row(page, "etc").get_by_role("link", name="succeeded")).to_be_visible()
        await expect(page.locator("#recent").get_by_role("link", name="Backup of etc")).to_be_visible()
    assert Path(f"{tmp_path}/etc.tar").exists()


@pytest.mark.skipif(RESTIC is None, reason="restic is not on PATH")
async def test_a_backup_by_restic_shows_how_far_it_is_until_it_has_succeeded(page, api, host_name, run_agent, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for number in range(40):
        (source / f"{number}.raw").write_bytes(bytes([number]) * 500_000 + number.to_bytes(4, "big") * 5000)
    repository = {"url": str(tmp_path / "repository"), "password": "correct horse"}
    path, token = await made(api, host_name, {"name": "photos", "paths": [str(source)]}, repository=repository)
    await go(page, path)

    async with run_agent(token):
        await is_online(page, host_name)
        await page.get_by_role("button", name="Run now").click()
        await expect(page.get_by_role("progressbar", name="Backup of photos").first).to_be_visible()
        await row(page, "photos").get_by_role("link", name=re.compile("Running|succeeded")).click()

        await expect(page.locator("#job").get_by_text("succeeded", exact=True)).to_be_visible(timeout=60_000)
        await expect(page.get_by_text("Files in the snapshot")).to_be_visible()
        await expect(page.locator("#log")).to_contain_text("snapshot")


async def test_a_group_that_fails_says_why_in_words_and_leads_to_its_alert(page, api, host_name, run_agent):
    path, token = await made(api, host_name, by_command("dumps", "/usr/local/bin/dump-databases"))
    await go(page, path)

    async with run_agent(token):
        await page.get_by_role("button", name="Run now").click()

        await expect(row(page, "dumps").get_by_role("link", name="failed")).to_be_visible()
        await expect(row(page, "dumps")).to_contain_text("refused by the agent")
        await expect(row(page, "dumps").get_by_role("link", name="open alert")).to_be_visible()


async def test_a_running_job_holds_off_another_and_says_so(page, api, host_name, run_agent):
    path, token = await made(api, host_name, by_command("slow", SLEEP, "60"))
    await go(page, path)
    async with run_agent(token, "--allow-command", SLEEP):
        await page.get_by_role("button", name="Run now").click()
        await expect(page.get_by_role("progressbar", name="Backup of slow").first).to_be_visible()
        await expect(page.get_by_role("button", name="Run now")).to_have_count(0)


async def test_a_conflict_is_said_and_nothing_else_happens(page, api, host_name):
    """Another window made the job between this page and the click."""
    path, _ = await made(api, host_name, by_command("slow", SLEEP, "60"))
    async with page.expect_response(lambda answer: "hx-request" in answer.request.headers):
        await go(page, path)
    await page.wait_for_timeout(500)  # what was asked for when the page had just come is here by now
    await page.route("**/hosts/*", lambda route: route.fulfill(status=503))  # no news comes to this window any more
    (group,) = (await api.get(f"{path}/source-groups"))["items"]
    await api.post(f"/source-groups/{group['id']}/run", expect=202)

    await page.get_by_role("button", name="Run now").click()

    await expect(page.locator(".toast")).to_contain_text("An unfinished backup of the same is there already.")


async def test_the_repository_is_checked_and_one_without_retention_has_nothing_to_forget(page, api, host_name):
    repository = {"url": "/srv/backup", "password": "x"}
    path, _ = await made(api, host_name, {"name": "etc", "paths": ["/etc"]}, repository=repository)
    await go(page, path)

    questions = []
    page.once("dialog", lambda dialog: (questions.append(dialog.message), asyncio.ensure_future(dialog.accept())))
    await page.get_by_role("button", name="Forget").click()
    assert "does not come back" in questions[0]
    await expect(page.locator(".toast").last).to_contain_text("there is nothing to forget")
    await page.get_by_role("button", name="Check").click()

    await expect(page.locator("#recent").get_by_role("link", name="Check", exact=True)).to_be_visible()
    await expect(page.locator("#recent")).to_contain_text("waiting for the agent, which has never connected")
    await expect(page.get_by_role("button", name="Check")).to_be_disabled()


async def test_a_group_known_from_reports_only_cannot_be_run(page, api, host_name):
    await api.report(host_name, "reported", "succeeded")
    (host,) = (await api.get("/hosts", name=host_name))["items"]
    await go(page, f"/hosts/{host['id']}")

    await expect(row(page, "reported")).to_contain_text("no paths: known from reports only")
    await expect(page.get_by_role("button", name="Run now")).to_have_count(0)


async def test_a_group_is_changed_and_deleted(page, api, host_name):
    path, _ = await made(api, host_name, {"name": "etc", "paths": ["/etc"], "retention": {"keep_daily": 7}})
    await go(page, path)
    await page.get_by_role("link", name="Edit etc").click()
    await expect(page.get_by_label("Daily")).to_have_value("7")
    await page.get_by_label("Weekly").fill("none")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#retention_keep_weekly-wrong")).to_be_visible()
    await expect(page.get_by_label("Weekly")).to_have_value("none")
    await page.get_by_label("Weekly").fill("4")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("The source group is changed.")).to_be_visible()
    (group,) = (await api.get(f"{path}/source-groups"))["items"]
    assert (group["retention"]["keep_daily"], group["retention"]["keep_weekly"]) == (7, 4)

    await page.get_by_role("link", name="Delete etc").click()
    await page.get_by_role("button", name="Delete source group").click()

    await expect(page.get_by_text("Nothing is backed up yet")).to_be_visible()


async def test_a_schedule_tells_its_next_three_runs_while_it_is_typed(page, api, host_name):
    path, _ = await made(api, host_name, {"name": "etc", "paths": ["/etc"]})
    await go(page, path)
    await page.get_by_role("link", name="Add schedule").first.click()
    preview = page.locator("#preview")
    await expect(page.get_by_label("Timezone")).to_have_value("Europe/Berlin")  # the reader's own
    await expect(preview.get_by_role("listitem")).to_have_count(3)

    await page.get_by_label("When").fill("0 12 1 1 *")
    await expect(preview).to_contain_text(f"01 Jan {datetime.now(UTC).year + 1}, 12:00 CET")
    await page.get_by_label("When").fill("0 25 * * *")
    await expect(preview).to_contain_text("is not a cron expression")
    await page.get_by_label("When").fill("0 12 * *")
    await expect(preview).to_contain_text("must have five fields")
    await page.get_by_label("Timezone").fill("Berlin")
    await expect(preview).to_contain_text("is not the name of a timezone")
    await page.get_by_role("button", name="Add schedule").click()

    await expect(page.locator("#cron-wrong")).to_contain_text("must have five fields")
    await expect(page.locator("#timezone-wrong")).to_be_visible()
    await expect(page.get_by_label("When")).to_have_value("0 12 * *")


async def test_a_schedule_is_added_switched_off_changed_and_deleted(page, api, host_name):
    path, _ = await made(api, host_name, {"name": "etc", "paths": ["/etc"]}, {"name": "mail", "paths": ["/var/mail"]})
    await go(page, f"{path}/schedules/new")
    await page.get_by_label("Only these").check()
    await page.get_by_label("mail").check()
    await page.get_by_label("When").fill("15 3 * * *")
    await page.get_by_role("button", name="Add schedule").click()
    await expect(page.get_by_text("The schedule is added.")).to_be_visible()
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")

    switch = page.get_by_role("switch", name="Backup at 15 3 * * *")
    await expect(switch).to_be_checked()
    await switch.click()
    await expect(switch).not_to_be_checked()
    (schedule,) = (await api.get(f"{path}/schedules"))["items"]
    (mail,) = [each["id"] for each in (await api.get(f"{path}/source-groups"))["items"] if each["name"] == "mail"]
    assert (schedule["enabled"], schedule["source_group_ids"]) == (False, [mail])

    await page.get_by_role("link", name="Edit Backup at 15 3 * * *").click()
    await page.get_by_label("What").select_option("Prune")
    await expect(page.get_by_label("Only these")).to_be_hidden()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("The schedule is changed.")).to_be_visible()
    await page.get_by_role("link", name="Delete Prune at 15 3 * * *").click()
    await page.get_by_role("button", name="Delete schedule").click()

    await expect(page.get_by_text("Nothing runs by itself yet")).to_be_visible()
    assert (await api.get(f"{path}/schedules"))["items"] == []


async def test_a_renewed_token_cuts_the_agent_off_and_connects_the_next(page, api, host_name, run_agent):
    path, old = await made(api, host_name)
    await go(page, path)
    async with run_agent(old) as cut_off:
        await is_online(page, host_name)
        await page.get_by_role("link", name="Renew token").click()
        await page.get_by_role("button", name="Renew token").click()
        new = await page.locator("#token").inner_text()

        assert new != old
        assert cut_off.poll() is None or cut_off.returncode != 0
    async with run_agent(new):
        await is_online(page, host_name)


async def test_a_host_is_deleted_once_its_name_is_typed(page, api, host_name):
    path, _ = await made(api, host_name)
    await go(page, path)
    await page.get_by_role("link", name="Delete", exact=True).click()
    field = page.get_by_label(f"Type {host_name} to delete it")
    await field.fill("something else")
    await page.get_by_role("button", name="Delete host").click()
    await expect(page.get_by_text("anything else deletes nothing")).to_be_visible()

    await field.fill(host_name)
    await page.get_by_role("button", name="Delete host").click()

    await expect(page.get_by_text("The host is deleted")).to_be_visible()
    assert (await api.get("/hosts", name=host_name))["items"] == []


async def test_hosts_are_found_by_name_label_and_status_and_come_in_pages(page, api, host_name):
    for number in range(3):
        await made(api, f"{host_name}-{number}", labels={"test": host_name})
    await go(page, "/hosts")
    await page.get_by_label("Name").fill(f"{host_name}-")
    await page.get_by_label("Label").fill(f"test={host_name}")
    await page.get_by_label("Status").select_option("Never seen")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator("#hosts tbody tr")).to_have_count(3)

    await go(page, page.url + "&limit=2")
    await expect(page.locator("#hosts tbody tr")).to_have_count(2)
    await page.get_by_role("link", name="Next").click()
    await expect(page.get_by_role("link", name=f"{host_name}-2")).to_be_visible()
    await expect(page.locator("#hosts tbody tr")).to_have_count(1)

    await page.goto("/hosts?label=berlin")
    await expect(page.get_by_role("alert")).to_contain_text("is not of the form key=value")
    await page.goto(f"/hosts?status=online&q={host_name}")
    await expect(page.get_by_text("No host fits this filter")).to_be_visible()


async def test_a_repository_is_added_changed_and_forgotten_and_its_secrets_never_shown(page, api, host_name):
    await page.goto("/hosts")
    await page.get_by_role("link", name="Repositories").click()
    await page.get_by_role("link", name="Add repository").first.click()
    await page.get_by_label("Name").fill(host_name)
    await page.get_by_label("Address").fill("rest:https://ada:swordfish@backup.example.com/repo")
    await page.get_by_label("Password", exact=True).fill("opensesame")
    await page.get_by_role("button", name="Add repository").click()
    await page.get_by_role("link", name=host_name).click()
    await expect(page.get_by_label("Address")).to_have_value("rest:https://backup.example.com/repo")
    assert not {"swordfish", "opensesame"} & set(re.split(r"\W", await page.content()))

    await page.get_by_label("Name").fill(f"{host_name} moved")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("The repository is changed.")).to_be_visible()
    (known,) = [
        each for each in (await api.get("/repositories", limit=200))["items"] if each["name"] == f"{host_name} moved"
    ]
    await made(api, host_name, repository_id=known["id"])
    await page.get_by_role("link", name="Forget").click()
    await page.get_by_role("button", name="Forget repository").click()
    await expect(page.get_by_role("alert")).to_contain_text("The repository is in use")
    (host,) = (await api.get("/hosts", name=host_name))["items"]
    await api.call("DELETE", f"/hosts/{host['id']}")
    await page.get_by_role("button", name="Forget repository").click()

    await expect(page.get_by_text("The repository is forgotten here.")).to_be_visible()


async def test_a_viewer_looks_and_touches_nothing(sign_in, person, api, host_name):
    path, _ = await made(
        api, host_name, {"name": "etc", "paths": ["/etc"]}, repository={"url": "/srv", "password": "x"}
    )
    await api.post(f"{path}/schedules", {"kind": "prune", "cron": "0 4 * * *", "timezone": "UTC"})
    viewer = await sign_in(*await person("viewer"))
    for shown in ("/hosts", path, "/repositories"):
        await viewer.goto(shown)
        await expect(
            viewer.locator("main button:not([type='submit'].filter, .filters button, [hidden] button)")
        ).to_have_count(0)
        await expect(viewer.get_by_role("link", name=re.compile("^(Add|Edit|Delete|Renew|Forget)"))).to_have_count(0)

    token = await viewer.evaluate("document.cookie.match(/keepwatch_csrf=([^;]+)/)[1]")
    for act in ("jobs", "token", "delete", "edit"):
        answer = await viewer.request.post(
            f"{path}/{act}", form={"csrf_token": token, "kind": "check"}, max_redirects=0
        )
        assert answer.status == 403
    assert (await viewer.goto(f"{path}/edit")).status == 403


async def test_names_labels_and_paths_that_try_it_on_are_shown_as_text(page, api, host_name):
    group = {"name": NASTY, "paths": [f"/{NASTY}"], "engine": "command", "command": [NASTY]}
    name = f"{NASTY} {host_name}"
    path, _ = await made(api, name, group, labels={"x": NASTY}, repository={"url": f"/{NASTY}", "password": "x"})
    await api.post(f"{path}/jobs", {"kind": "check"}, expect=202)

    for shown in (path, f"/hosts?q={host_name}", f"{path}/edit", f"{path}/delete", f"{path}/source-groups/new"):
        await go(page, shown)
        await expect(page.get_by_text(name).first).to_be_attached()
        await expect(page.locator("main img")).to_have_count(0)


@pytest.fixture(params=["desktop light", "desktop dark", "phone light", "phone dark"])
async def window(request, sign_in):
    """The administrator's, of each size and scheme."""
    size, scheme = request.param.split()
    return await sign_in(size=size, scheme=scheme)


async def test_the_pages_are_accessible_and_fit(window, accessible, api, host_name):
    repository = {"url": "/srv/backup", "password": "x", "name": f"repository {host_name}"}
    path, _ = await made(api, host_name, {"name": "etc", "paths": ["/etc"]}, repository=repository, labels={"a": "b"})
    await api.report(host_name, "reported", "failed", error_class="locked", message="x" * 300)
    await api.post(f"{path}/schedules", {"kind": "backup", "cron": "0 4 * * *", "timezone": "UTC"})
    schedule = (await api.get(f"{path}/schedules"))["items"][0]
    group = (await api.get(f"{path}/source-groups"))["items"][0]
    known = (await api.get(path))["repository"]
    page = window
    paths = ["/hosts", "/hosts?q=nobody", "/hosts/new", path, f"{path}/edit", f"{path}/token", f"{path}/delete",
             f"{path}/source-groups/new", f"{path}/source-groups/{group['id']}/delete", f"{path}/schedules/new",
             f"{path}/schedules/{schedule['id']}", "/repositories", f"/repositories/{known['id']}"]  # fmt: skip
    for shown in paths:
        await go(page, shown)
        await accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), shown
    await page.goto("/hosts/new")
    await page.get_by_label("A new one").check()
    await page.get_by_label("Name", exact=True).fill(host_name)
    await page.get_by_role("button", name="Add host").click()
    await expect(page.locator("#repository_url-wrong")).to_have_text("is required")
    await accessible(page)
    await page.goto(f"{path}/token")
    await page.get_by_role("button", name="Renew token").click()
    await expect(page.locator("#token")).to_be_visible()
    await accessible(page)

"""Jobs by clicks: seen as they go on, cancelled, understood afterwards."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

SLEEP, SHELL = shutil.which("sleep"), shutil.which("sh")
NASTY = "<img src=x onerror=alert(1)>"


async def go(page: Page, path: str) -> None:
    """Open a page and wait until it hears what happens."""
    await page.goto(path)
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")


@pytest.fixture
def runs(api, host_name):
    """A host with one group that runs a command; its agent's token, and a way to start its job."""

    async def make(*command: str):
        host = await api.post("/hosts", {"name": host_name})
        group = {"name": "etc", "paths": ["/etc/hostname"], "engine": "command", "command": list(command)}
        group = await api.post(f"/hosts/{host['id']}/source-groups", group)

        async def start() -> str:
            return (await api.post(f"/source-groups/{group['id']}/run", expect=202))["id"]

        return host["agent_token"], start

    return make


async def reported(
    api, host: str, *statuses: str, group: str | None = "etc", kind: str = "backup", **fields
) -> list[str]:
    """Jobs reported from outside, a day apart, the last one now; their ids, newest first."""
    now = datetime.now(UTC)
    for age, status in zip(range(len(statuses) - 1, -1, -1), statuses, strict=True):
        began = now - timedelta(days=age, minutes=3)
        times = {"started_at": began, "finished_at": began + timedelta(seconds=100 + age)}
        summary = {"total_bytes_processed": 1024**3 + age, "data_added": age, "snapshot_id": "4711"} | fields.get(
            "summary", {}
        )
        more = {key: value.isoformat() for key, value in times.items()} | fields | {"summary": summary}
        await api.report(host, group, status, kind=kind, **more)
    (known,) = (await api.get("/hosts", name=host))["items"]
    return [job["id"] for job in (await api.get("/jobs", host_id=known["id"]))["items"]]


async def test_a_job_appears_in_the_list_and_its_row_changes_by_itself(page, runs, host_name, run_agent):
    token, start = await runs(SLEEP, "60")
    await go(page, f"/jobs?host={host_name}")
    await expect(page.get_by_text("No job fits this filter")).to_be_visible()
    job = await start()
    row = page.locator(f"#job-{job}")
    await expect(row).to_contain_text("waiting for the agent, which has never connected")

    async with run_agent(token, "--allow-command", SLEEP):
        await expect(row.get_by_role("progressbar")).to_be_visible()

    await expect(row).to_contain_text("interrupted")


async def test_what_is_new_waits_while_somebody_points_at_the_list(page, api, host_name):
    (first,) = await reported(api, host_name, "succeeded")
    await go(page, f"/jobs?host={host_name}")
    await page.locator(f"#job-{first}").hover()

    (second, _) = await reported(api, host_name, "succeeded")

    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    await expect(page.locator(f"#job-{second}")).to_have_count(0)
    await page.get_by_role("button", name="1 new").click()
    await expect(page.locator(f"#job-{second}")).to_be_visible()


async def test_a_running_job_tells_its_log_live_and_is_cancelled(page, api, runs, run_agent):
    token, start = await runs(SHELL, "-c", "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.3; done")
    job = await start()
    await go(page, f"/jobs/{job}")
    async with run_agent(token, "--allow-command", SHELL):
        await expect(page.locator("#job").get_by_role("progressbar")).to_be_visible()
        await expect(page.locator("#log")).to_contain_text("line 3\n")
        await expect(page.locator("#log")).to_contain_text("line 9\n")

        await page.get_by_role("button", name="Cancel").click()

        await expect(page.locator(".toast")).to_have_text("The agent is asked to stop it.")
        await expect(page.locator("#job").get_by_text("cancelled", exact=True)).to_be_visible()
        await expect(page.get_by_text("Its end says nothing about what is backed up")).to_be_visible()
        await expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    _, whole = await api.call("GET", f"/jobs/{job}/log")
    await expect(page.locator("#log")).to_have_text(whole)


async def test_the_log_follows_only_who_looks_at_its_end(page, runs, run_agent):
    token, start = await runs(SHELL, "-c", "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.02; done")
    job = await start()
    await go(page, f"/jobs/{job}")
    log = page.locator("#log")
    async with run_agent(token, "--allow-command", SHELL):
        await expect(log).to_contain_text("line 90\n")
        await page.wait_for_function("() => { const l = document.getElementById('log'); return l.scrollTop > 0"
                                     " && l.scrollHeight - l.scrollTop - l.clientHeight < 40; }")  # fmt: skip
        await log.evaluate("log => { log.scrollTop = 0; }")
        seen = await log.evaluate("log => log.textContent.length")
        await page.wait_for_function("seen => document.getElementById('log').textContent.length > seen", arg=seen)

        assert await log.evaluate("log => log.scrollTop") == 0


async def test_a_job_that_waits_is_cancelled_at_once(page, runs):
    _, start = await runs(SLEEP, "60")
    await go(page, f"/jobs/{await start()}")

    await page.get_by_role("button", name="Cancel").click()

    await expect(page.locator("#job").get_by_text("cancelled", exact=True)).to_be_visible()
    await expect(page.get_by_text("cancelled before it began")).to_be_visible()
    await expect(page.get_by_text("Nothing yet.")).to_be_visible()


async def test_a_failed_job_says_why_what_to_do_and_which_alert_it_raised(page, api, host_name):
    message = "Fatal: unable to create lock in backend: repository is already locked"
    (job,) = await reported(api, host_name, "failed", error_class="locked", message=message)
    await go(page, f"/jobs/{job}")

    await expect(page.get_by_text("Repository locked.")).to_be_visible()
    await expect(page.get_by_text("remove its lock with `restic unlock`")).to_be_visible()
    await expect(page.get_by_text(message)).to_be_visible()
    await expect(page.get_by_text("Its end counted for the alerts.")).to_be_visible()
    await page.get_by_role("link", name=f"{host_name} / etc: backup failed, repository locked").click()
    await expect(page).to_have_url(f"/alerts/{(await api.open_alert(host_name, 'etc'))['id']}")


async def test_what_the_end_of_a_job_did_is_told_by_itself_once_it_is_judged(page, api, runs, host_name, run_agent):
    token, start = await runs("/usr/local/bin/nobody-allows-this")
    job = await start()
    await go(page, f"/jobs/{job}")
    async with run_agent(token):
        await expect(page.get_by_text("Refused by the agent.")).to_be_visible()
        await expect(page.get_by_text("It raised this alert.")).to_be_visible()
    job = await start()
    await go(page, f"/jobs/{job}")
    async with run_agent(token):
        await expect(page.get_by_text("It counts on this alert, which stood already.")).to_be_visible()


async def test_the_summary_is_told_as_facts_and_the_past_runs_as_a_chart_and_a_table(page, api, host_name):
    job, *_ = await reported(api, host_name, "succeeded", "failed", "succeeded", summary={"files_new": 12})
    await go(page, f"/jobs/{job}")

    await expect(page.locator("#job")).to_contain_text("12 new")
    await expect(page.locator("#job").get_by_text("1.0 GiB")).to_be_visible()
    await expect(page.get_by_role("img", name="Duration of the last 3 runs")).to_be_visible()
    await expect(page.get_by_role("img", name="Size of the last 3 runs")).to_be_visible()
    await expect(page.locator("#runs canvas")).to_have_count(2)
    await page.get_by_text("The same as a table").click()
    await expect(page.locator("#runs-table tbody tr")).to_have_count(3)
    await expect(page.locator("#runs-table tr[aria-current]")).to_contain_text("1 min 40 s")


async def test_jobs_are_filtered_and_paged_in_the_address(page, api, host_name):
    await reported(api, host_name, "succeeded", "failed", "succeeded")
    await reported(api, host_name, "failed", kind="prune", group=None)
    await page.goto("/jobs")
    await page.get_by_label("Host").fill(host_name)
    await expect(page.locator(f"#hosts option[value='{host_name}']")).to_have_count(1)
    await page.get_by_label("Status").select_option("Failed")
    await page.get_by_label("Kind").select_option("Backup")
    await page.get_by_label("Made in").select_option("The last 24 hours")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator("#jobs tbody tr")).to_have_count(1)

    await go(page, f"/jobs?host={host_name}&limit=3")
    await expect(page.locator("#jobs tbody tr")).to_have_count(3)
    await page.get_by_role("link", name="Older").click()
    await expect(page.locator("#jobs tbody tr")).to_have_count(1)
    await page.get_by_role("link", name="Newest").click()
    await expect(page.locator("#jobs tbody tr")).to_have_count(3)
    await page.goto("/jobs?host=nobody-is-called-this")
    await expect(page.get_by_role("alert")).to_have_text("There is no host named nobody-is-called-this.")


async def test_a_viewer_sees_no_button_and_cannot_cancel_by_hand(sign_in, person, runs):
    _, start = await runs(SLEEP, "60")
    job = await start()
    viewer = await sign_in(*await person("viewer"))
    await viewer.goto(f"/jobs/{job}")

    await expect(viewer.get_by_text("waiting for the agent")).to_be_visible()
    await expect(viewer.locator("main").get_by_role("button")).to_have_count(0)
    token = await viewer.evaluate("document.cookie.match(/keepwatch_csrf=([^;]+)/)[1]")
    answer = await viewer.request.post(f"/jobs/{job}/cancel", form={"csrf_token": token}, max_redirects=0)
    assert answer.status == 403


async def test_messages_summaries_and_logs_that_try_it_on_are_shown_as_text(page, api, runs, run_agent, host_name):
    token, start = await runs(SHELL, "-c", f"echo '{NASTY}'; echo '{NASTY}' >&2; sleep 60")
    job = await start()
    await go(page, f"/jobs/{job}")
    async with run_agent(token, "--allow-command", SHELL):
        await expect(page.locator("#log")).to_contain_text(NASTY)  # live, by the script
    for shown in (page.url, f"/jobs?host={host_name}"):
        await page.goto(shown)
        await expect(page.locator("main img")).to_have_count(0)
    summary = {
        "snapshot_id": NASTY,
        NASTY: NASTY,
        "errors": [{"item": NASTY, "message": "x"}],
        "missing_paths": [NASTY],
    }
    job, *_ = await reported(api, host_name, "failed", message=NASTY, group=f"{NASTY}", summary=summary)
    await page.goto(f"/jobs/{job}")
    await expect(page.get_by_text(NASTY).first).to_be_visible()
    await expect(page.locator("main img")).to_have_count(0)


@pytest.fixture(params=["desktop light", "desktop dark", "phone light", "phone dark"])
async def window(request, sign_in):
    """The administrator's, of each size and scheme."""
    size, scheme = request.param.split()
    return await sign_in(size=size, scheme=scheme)


async def test_the_pages_are_accessible_and_fit(window, accessible, api, runs, host_name):
    _, start = await runs(SLEEP, "60")
    waiting = await start()
    jobs = await reported(api, host_name, "succeeded", "failed", error_class="locked", message="x" * 400)
    page = window

    for shown in (
        "/jobs",
        f"/jobs?host={host_name}",
        "/jobs?host=nobody-is-called-this",
        f"/jobs/{waiting}",
        f"/jobs/{jobs[0]}",
    ):
        await go(page, shown)
        for summary in await page.locator("main summary").all():
            await summary.click()
        await page.evaluate("scrollTo(0, 0)")  # what has gone below the header can't be pressed
        await accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), shown

"""Makes the pictures of the web pages, out of the demo's data: `uv run python docs/images/make.py`.

Starts a demo of its own in a temporary folder, needs Debian's chromium and, for real snapshots, restic on the PATH.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from playwright.async_api import Browser, Page, async_playwright

HERE = Path(__file__).parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
LOOKS = {
    "": {"viewport": DESKTOP, "color_scheme": "light"},
    "-dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "-phone": {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2},
}
SIGN_IN = re.compile(r"Sign in once\s+(\S+)")
IS_UP = "What is open now"


@contextmanager
def demo(folder: Path, port: int) -> Iterator[str]:
    """A demo that has made its first backups; the link that signs in."""
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "up",
        "--demo",
        "--port",
        str(port),
        "--data-dir",
        str(folder / "data"),
    ]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            said = ""
            for line in process.stdout or ():
                said += line
                if IS_UP in line:
                    break
            found = SIGN_IN.search(said)
            if found is None:
                raise click.ClickException(f"The demo did not start: {said[-500:]}")
            yield found[1]
        finally:
            process.terminate()


async def take(browser: Browser, link: str) -> None:
    """Sign in once, and look at every page in every way."""
    base = link.partition("/login")[0]
    first = await browser.new_context(base_url=base)
    page = await first.new_page()
    await page.goto("/login")
    await _shoot(page, "login")
    await page.goto(link)
    state = await first.storage_state()
    places = await _places(page)
    for name, look in LOOKS.items():
        context = await browser.new_context(base_url=base, storage_state=state, **look)  # type: ignore[arg-type]  # as Playwright reads them
        for place, path in places.items():
            shown = await context.new_page()
            await shown.goto(path)
            await _shoot(shown, place + name)
            await shown.close()


async def _places(page: Page) -> dict[str, str]:
    alert = await _first(page, "/api/v1/alerts?state=unresolved&kind=backup_failed")
    while await _listed(page, "/api/v1/jobs?status=queued&status=dispatched&status=running"):
        await page.wait_for_timeout(1000)
    jobs = await _listed(page, f"/api/v1/jobs?host_id={alert['host_id']}&status=succeeded")
    job = next(job for job in jobs if job["trigger"] != "report")
    channel = await _first(page, "/api/v1/channels")
    return {
        "overview": "/",
        "alerts": "/alerts",
        "alert": f"/alerts/{alert['id']}",
        "hosts": "/hosts",
        "host": f"/hosts/{alert['host_id']}",
        "host-new": "/hosts/new",
        "schedule": f"/hosts/{alert['host_id']}/schedules/new",
        "repositories": "/repositories",
        "jobs": "/jobs",
        "job": f"/jobs/{job['id']}",
        "job-failed": f"/jobs/{alert['raised_job_id']}",
        "channels": "/channels",
        "channel": f"/channels/{channel['id']}",
        "settings": "/settings",
    }


async def _first(page: Page, path: str) -> dict[str, Any]:
    return (await _listed(page, path))[0]


async def _listed(page: Page, path: str) -> list[dict[str, Any]]:
    answer = await page.request.get(path)
    found: list[dict[str, Any]] = json.loads(await answer.text())["items"]
    return found


async def _shoot(page: Page, name: str) -> None:
    await page.wait_for_load_state("load")
    await page.wait_for_timeout(700)  # charts draw, times are said anew
    await page.screenshot(path=HERE / f"{name}.png", animations="disabled")
    click.echo(f"docs/images/{name}.png")


async def _with_browser(link: str, chromium: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        await take(browser, link)
        await browser.close()


@click.command()
@click.option("--port", default=18480, show_default=True)
def main(port: int) -> None:
    """Make docs/images/*.png."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise click.ClickException("chromium is not on PATH (Debian: apt install chromium).")
    with tempfile.TemporaryDirectory(prefix="keepwatch-") as folder, demo(Path(folder), port) as link:
        asyncio.run(_with_browser(link, chromium))


if __name__ == "__main__":
    main()

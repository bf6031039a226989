"""A real browser on the real system: people's stories by clicks."""

import asyncio
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}
LOOKS = [{"size": size, "scheme": scheme} for size in SIZES for scheme in ("light", "dark")]
WAIT_MS = 15_000
PASSWORD = "correct horse battery staple"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

expect.set_options(timeout=WAIT_MS)


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="chromium is not on PATH (Debian: apt install chromium)"))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        await started.close()


@pytest.fixture
async def open_context(browser: Browser, keepwatch):
    """Opens windows of people who are not signed in; a script's error or a refused resource fails the test."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    async def make(*, size: str = "desktop", scheme: str = "light", **options) -> BrowserContext:
        context = await browser.new_context(
            base_url=keepwatch.url, viewport=SIZES[size], color_scheme=scheme, timezone_id="Europe/Berlin", **options
        )
        context.set_default_timeout(WAIT_MS)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda message: _listen(message, complaints))
        opened.append(context)
        return context

    yield make
    for context in opened:
        await context.close()
    assert complaints == []


def _listen(message, complaints: list[str]) -> None:
    # The network's own errors are part of some stories; scripts and the Content-Security-Policy never complain.
    of_the_network = (
        "Failed to load resource",
        "WebSocket",
        "htmx: htmx:sse:error",
        "htmx: htmx:error: Failed to fetch",
    )
    if message.type == "error" and not message.text.startswith(of_the_network):
        complaints.append(message.text)


@pytest.fixture
def sign_in(open_context):
    """Signs somebody in by the form, and gives the window."""

    async def do(name: str = "admin", password: str = PASSWORD, **options) -> Page:
        page = await (await open_context(**options)).new_page()
        await page.goto("/login")
        await page.get_by_label("Username").fill(name)
        await page.get_by_label("Password").fill(password)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        return page

    return do


@pytest.fixture
async def page(sign_in) -> Page:
    """The administrator's window, signed in and live."""
    signed_in = await sign_in()
    await expect(signed_in.locator("#live")).to_have_attribute("data-state", "live")
    return signed_in


@pytest.fixture
async def person(api):
    """Makes users of a role; name and password."""

    async def make(role: str) -> tuple[str, str]:
        name = f"{role}-{uuid4().hex[:6]}"
        await api.post("/users", {"name": name, "role": role, "password": PASSWORD})
        return name, PASSWORD

    return make


@pytest.fixture
def run_agent(keepwatch, tmp_path):
    """Runs an agent with this token for as long as the block lasts."""

    @asynccontextmanager
    async def run(token: str, *flags: str):
        folder = tmp_path / f"agent-{uuid4().hex[:6]}"
        folder.mkdir()
        (folder / "token").write_text(token)
        (folder / "token").chmod(0o600)
        restic = shutil.which("restic")
        with (folder / "log").open("wb") as log:
            agent = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "agent", "--server", keepwatch.url,
                 "--token-file", folder / "token", "--state-dir", folder / "state", *flags],
                env={"PATH": f"{Path(restic).parent if restic else ''}:/usr/bin:/bin"},
                stdout=log, stderr=log, cwd=Path(__file__).parents[2],
            )  # fmt: skip
        try:
            yield agent
        finally:
            agent.send_signal(signal.SIGTERM)
            await asyncio.to_thread(agent.wait, 20)

    return run


@pytest.fixture(params=LOOKS, ids=lambda looks: "-".join(looks.values()))
def looks(request) -> dict[str, str]:
    """Every way a page is looked at, one after the other: what `sign_in` takes for it."""
    return request.param


@pytest.fixture
def accessible():
    """Asserts that axe finds nothing wrong with what a window shows now, and that nothing sticks out of it."""

    async def check(page: Page) -> None:
        results = await Axe().run(page, options=RULES)
        found = [
            f"{violation['id']} ({violation['impact']}): {violation['help']}: "
            + "; ".join(node["html"][:160] + " — " + re.sub(r"\s+", " ", node["failureSummary"])[:200]
                        for node in violation["nodes"][:4])
            for violation in results.response["violations"]
        ]  # fmt: skip
        assert found == [], "\n".join(found)
        assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0

    return check

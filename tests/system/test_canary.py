"""Somebody who looks at pages and lists while the canary goes its way sees nothing of it."""

import asyncpg
import pytest

from shared.own_host import CANARY_HOST_ID, CANARY_HOST_NAME, SINK_CHANNEL_ID
from tests.installation import Api, planned

PASSWORD = "correct horse battery staple"
PAGES = ["/", "/alerts?state=all", "/hosts", "/jobs", "/channels", "/repositories", "/settings"]
LISTS = ["/hosts", "/alerts", "/jobs", "/channels", "/deliveries", "/dead-letters", "/metrics"]


@pytest.fixture
def keepwatch(infra, empty_database_of, tmp_path):
    """An installation that sends a canary every second."""
    with infra.empty_nats(tmp_path) as nats_url:
        installation = planned(tmp_path, empty_database_of(), nats_url)
        installation.environ["KEEPWATCH_CANARY_SECONDS"] = "1"
        installation.migrate()
        try:
            for service in ("jobs", "alerts", "notifier", "api"):
                installation.start(service)
            installation.wait_ready()
            yield installation
        finally:
            installation.stop()


@pytest.fixture
async def database(keepwatch):
    connection = await asyncpg.connect(keepwatch.environ["KEEPWATCH_DATABASE_URL"])
    yield connection
    await connection.close()


async def test_nothing_that_people_look_at_shows_it(api: Api, http, database, host_name):
    async def arrived():
        return await database.fetchval("SELECT count(*) >= 4 FROM notifier.delivery WHERE state = 'delivered'")

    await api.report(host_name, "etc", "failed", message="Fatal: repository is locked")
    await api.until(arrived)
    alert = await database.fetchval("SELECT id FROM alerts.alert WHERE host_id = $1 LIMIT 1", CANARY_HOST_ID)
    form = {"username": "admin", "password": PASSWORD}
    async with http.post(f"{api.url}/login", data=form, allow_redirects=False) as answer:
        assert answer.status == 303
        cookies = {name: cookie.value for name, cookie in answer.cookies.items()}

    async def seen(path: str, expect: int) -> str:
        async with http.get(f"{api.url}{path}", headers={"Accept": "text/html"}, cookies=cookies) as page:
            assert page.status == expect, path
            return await page.text()

    traces = (str(CANARY_HOST_ID), CANARY_HOST_NAME, str(alert))
    pages = {path: await seen(path, 200) for path in PAGES}
    lists = {path: str(await api.get(path)) for path in LISTS}

    assert alert
    assert host_name in pages["/"]
    assert host_name in lists["/alerts"]
    for path, text in (pages | lists).items():
        assert not [trace for trace in traces if trace in text], path
    for path in (f"/alerts/{alert}", f"/hosts/{CANARY_HOST_ID}", f"/channels/{SINK_CHANNEL_ID}"):
        await seen(path, 404)

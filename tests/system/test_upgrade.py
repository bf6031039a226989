"""An upgrade without a moment of silence: the release before and this one side by side, on this one's schema.

`releases/foundation.whl` is the release before as it was built (commit c296985), and stays as it is.
"""

import asyncio
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from tests.installation import Api, free_port, planned, receiving

BEFORE = Path(__file__).parent / "releases" / "foundation.whl"
SERVICES = ("jobs", "alerts", "notifier", "api")
AT_A_TIME = 12
"""Reports; the new gateway asks for those that come together with a question that the old jobs does not know."""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def old(infra, empty_database_of, tmp_path):
    """The release before, on a database and a broker of its own."""
    code = tmp_path / "before"
    zipfile.ZipFile(BEFORE).extractall(code)
    (tmp_path / "old").mkdir()
    with infra.empty_nats(tmp_path) as nats_url:
        installation = replace(planned(tmp_path / "old", empty_database_of(), nats_url), code=code)
        installation.migrate()
        for service in SERVICES:
            installation.start(service)
        installation.wait_ready()
        yield installation
        installation.stop()


@pytest.fixture
def new(old, tmp_path):
    """This release with the same settings; nothing of it runs yet."""
    (tmp_path / "new").mkdir()
    port = free_port()
    mine = planned(tmp_path / "new", "", "")
    installation = replace(mine, environ=old.environ, url=f"http://127.0.0.1:{port}", admin_token=old.admin_token,
                           ports={"api-1": port})  # fmt: skip
    yield installation
    installation.stop()


async def test_nothing_is_lost_or_doubled_while_one_release_takes_over_from_the_other(old, new, http, host_name):
    before, after = (Api(http, each.url, each.admin_token) for each in (old, new))
    groups = [f"group-{number}" for number in range(240)]
    async with receiving(before) as receiver:
        gateways = [before]
        reporting = asyncio.create_task(_report_all(gateways, host_name, groups))
        await asyncio.sleep(1)
        await asyncio.to_thread(new.migrate)
        await asyncio.sleep(1)  # the old code alone on the new schema
        for service in SERVICES:
            await asyncio.to_thread(new.start, service)
        await asyncio.to_thread(new.wait_ready)
        gateways.append(after)
        await asyncio.sleep(2)  # both
        gateways.remove(before)
        processes = dict(old.processes)
        await asyncio.to_thread(old.stop)
        before.url = after.url  # for who still asks there
        await reporting

        await after.until(lambda: _heard(receiver, host_name, len(groups)), 60)
        assert {name: process.returncode for name, process in processes.items()} == dict.fromkeys(processes, 0)
        told = Counter(c.alert["source_group_name"] for c in _first_arrivals(receiver, host_name))
        assert told == Counter(groups)
        assert all(call.valid for call in receiver.calls), "the channel that the old release made still signs"
        await _each_counts_once(after, host_name, groups)


async def _report_all(gateways: list[Api], host_name: str, groups: list[str]) -> None:
    """Report a failure of each group to whichever gateway is in use, until it is taken; several at a time."""
    for begin in range(0, len(groups), AT_A_TIME):
        some = groups[begin : begin + AT_A_TIME]
        await asyncio.gather(*(_report(gateways, number, host_name, group) for number, group in enumerate(some)))
        await asyncio.sleep(0.05 * AT_A_TIME)


async def _report(gateways: list[Api], number: int, host_name: str, group: str) -> None:
    report = {"id": str(uuid4()), "host": host_name, "kind": "backup", "source_group": group, "status": "failed"}
    while not await _accepted(gateways[number % len(gateways)], report):
        await asyncio.sleep(0.1)


async def _accepted(api: Api, report: dict) -> bool:
    try:
        status, answer = await api.call("POST", "/job-reports", report, create=1)
    except aiohttp.ClientError:
        return False
    assert status in {202, 503}, answer
    return status == 202


def _first_arrivals(receiver, host_name: str) -> list:
    return list({call.webhook_id: call for call in receiver.calls if call.alert["host_name"] == host_name}.values())


async def _heard(receiver, host_name: str, count: int) -> bool:
    return len(_first_arrivals(receiver, host_name)) >= count


async def _each_counts_once(api: Api, host_name: str, groups: list[str]) -> None:
    (host,) = (await api.get("/hosts", name=host_name))["items"]
    found, cursor = [], {}
    while cursor is not None:
        page = await api.get("/alerts", host_id=host["id"], limit=200, **cursor)
        found += page["items"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert {alert["occurrences"] for alert in found} == {1}
    assert len(found) == len(groups)

"""Keepwatch as ops run it: in containers, scaled, and with containers that die under load."""

import asyncio
import subprocess
from collections import Counter
from uuid import uuid4

import aiohttp
import pytest

pytestmark = pytest.mark.timeout(420)


async def test_the_page_answers_and_only_the_gateway_is_published(compose, api):
    async with api.session.get(f"{compose.url}/login") as answer:
        assert answer.status == 200
    published = compose("ps", "--format", "{{.Service}} {{.Ports}}").splitlines()
    assert [line.split()[0] for line in published if "->" in line] == ["api"]


async def test_two_groups_are_two_alerts_and_a_click_reaches_the_channel(api, receiver, host_name):
    for group in ("etc", "mail"):
        await api.report(host_name, group, "failed")
    await api.until(lambda: _heard(receiver, host_name, 2))
    await api.report(host_name, "etc", "succeeded")
    mail = await api.until(lambda: api.open_alert(host_name, "mail"))
    await api.post(f"/alerts/{mail['id']}/ack", {}, expect=204)

    await api.until(lambda: _heard(receiver, host_name, 4))
    told = Counter(receiver.heard(host_name))
    assert told == Counter(
        [("alert.raised", "etc"), ("alert.raised", "mail"), ("alert.resolved", "etc"), ("alert.acked", "mail")]
    )


async def test_scaled_out_and_with_a_container_of_each_kind_killed_nothing_is_lost(compose, api, receiver, host_name):
    """Each report once an alert, each alert's event once a delivery, whatever dies meanwhile."""
    compose.up("alerts=3", "notifier=2", "jobs=2")
    groups = [f"group-{number}" for number in range(200)]
    reporting = asyncio.create_task(_report_all(api, host_name, groups))
    for service in ("alerts", "notifier", "jobs", "nats", "api"):
        await asyncio.sleep(1)  # so that they die in the middle of the work, one after the other
        await asyncio.to_thread(compose.kill, compose.containers(service)[0])
    await reporting

    await api.until(lambda: _heard(receiver, host_name, len(groups)), 120)
    told = Counter((call.type, call.alert["source_group_name"]) for call in _first_arrivals(receiver, host_name))
    assert told == Counter(("alert.raised", group) for group in groups)
    assert {alert["occurrences"] for alert in await _all_alerts(api, host_name)} == {1}


async def test_a_container_stops_in_order_and_soon(compose):
    (container,) = compose.containers("api")
    await asyncio.to_thread(
        subprocess.run, ["docker", "stop", "--time", "10", container], check=True, capture_output=True
    )

    code = subprocess.run(
        ["docker", "inspect", "--format", "{{.State.ExitCode}}", container], check=True, capture_output=True, text=True
    )
    assert code.stdout.strip() == "0", "it had to be killed"
    await asyncio.to_thread(compose.up, "alerts=3", "notifier=2", "jobs=2")


async def _heard(receiver, host_name: str, count: int) -> bool:
    return len(_first_arrivals(receiver, host_name)) >= count


def _first_arrivals(receiver, host_name: str) -> list:
    calls = {call.webhook_id: call for call in receiver.calls if call.alert["host_name"] == host_name}
    return list(calls.values())


async def _report_all(api, host_name: str, groups: list[str]) -> None:
    """Report every group's failure, each until it is accepted: a repeat under the same id has no second effect."""
    for group in groups:
        report = {"id": str(uuid4()), "host": host_name, "kind": "backup", "source_group": group, "status": "failed"}
        while not await _accepted(api, report):
            await asyncio.sleep(0.2)
        await asyncio.sleep(0.02)


async def _accepted(api, report: dict) -> bool:
    try:
        status, answer = await api.call("POST", "/job-reports", report, create=1)
    except (aiohttp.ClientError, TimeoutError):
        return False
    assert status in {202, 503}, answer
    return status == 202


async def _all_alerts(api, host_name: str) -> list[dict]:
    (host,) = (await api.get("/hosts", name=host_name))["items"]
    found, cursor = [], {}
    while cursor is not None:
        page = await api.get("/alerts", host_id=host["id"], limit=200, **cursor)
        found += page["items"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    return found

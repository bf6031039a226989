"""Keepwatch as ops run it: in containers, scaled, and with containers that die or are replaced under load."""

import asyncio
import subprocess
import sys
import tarfile
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from tests.compose.conftest import COPIES, docker

pytestmark = pytest.mark.timeout(420)


async def test_the_page_answers_and_only_the_gateway_is_published(compose, api):
    async with api.session.get(f"{compose.url}/login") as answer:
        assert answer.status == 200
    assert _published(compose) == ["api"]


async def test_two_groups_are_two_alerts_and_a_click_reaches_the_channel(api, receiver, host_name):
    await _tell_the_story(api, receiver, host_name)


async def test_scaled_out_only_the_proxy_is_published_and_the_story_is_the_same(scaled, api, receiver, host_name):
    assert _published(scaled) == ["proxy"]
    assert len(scaled.containers("api")) == 2
    await _tell_the_story(api, receiver, host_name)


async def test_the_proxy_lets_agents_and_live_streams_through(scaled, api, host_name, tmp_path):
    host = await api.post("/hosts", {"name": host_name})
    token = tmp_path / "token"
    token.write_text(host["agent_token"])
    token.chmod(0o600)
    headers = {"Authorization": f"Bearer {api.token}"}
    async with api.session.get(f"{scaled.url}/api/v1/events", headers=headers) as events:
        agent = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "agent", "--server", scaled.url, "--token-file", token,
             "--state-dir", tmp_path / "state"]
        )  # fmt: skip
        try:
            await api.until(lambda: _is_online(api, host["id"]))
            async with asyncio.timeout(20):
                while f'"{host["id"]}"' not in (await events.content.readline()).decode():
                    pass
        finally:
            agent.terminate()
            await asyncio.to_thread(agent.wait, 20)


async def test_scaled_out_and_with_a_container_of_each_kind_killed_nothing_is_lost(scaled, api, receiver, host_name):
    """Each report once an alert, each alert's event once a delivery, whatever dies meanwhile."""
    async with _under_load(api, receiver, host_name):
        for service in ("alerts", "notifier", "jobs", "nats", "postgres", "api", "proxy"):
            await asyncio.sleep(1)  # so that they die in the middle of the work, one after the other
            with scaled.dead(scaled.containers(service)[0]):
                await asyncio.sleep(0.5)


async def test_replaced_one_by_one_under_load_they_stop_in_order_and_nothing_is_lost(scaled, api, receiver, host_name):
    async with _under_load(api, receiver, host_name):
        told = await asyncio.to_thread(scaled.script, "restart")

    assert told.count("restarted") == sum(COPIES.values())


async def test_upgraded_under_load_every_copy_is_replaced_and_nothing_is_lost(scaled, api, receiver, host_name):
    """To an image of another name and id: what differs between releases is held by tests/system/test_upgrade.py."""
    docker("build", "--quiet", "--tag", "keepwatch:next", str(Path(__file__).parent / "next"))
    before = scaled.containers("notifier")
    async with _under_load(api, receiver, host_name):
        await asyncio.to_thread(partial(scaled.script, "upgrade", KEEPWATCH_VERSION="next"))

    wanted = docker("image", "inspect", "--format", "{{.Id}}", "keepwatch:next")
    for service, count in COPIES.items():
        now = scaled.containers(service)
        assert len(now) == count
        assert {docker("inspect", "--format", "{{.Image}}", container) for container in now} == {wanted}
        assert not set(now) & set(before)


async def test_a_new_secret_key_opens_what_the_old_one_sealed(scaled, api, receiver, host_name):
    await api.report(host_name, "etc", "failed")
    await api.until(lambda: _heard(receiver, host_name, 1))
    old = scaled.secret("sealing/secret_key")
    await asyncio.to_thread(scaled.script, "renew-secret-key")
    await api.report(host_name, "etc", "succeeded")
    await api.until(lambda: _heard(receiver, host_name, 2))

    assert scaled.secret("sealing/secret_key") != old
    assert scaled.secret("sealing/old_secret_keys") == ""
    assert all(call.valid for call in receiver.calls), "the channel's secret is the one it had"


def test_a_container_sees_the_secrets_that_it_needs_and_no_others(scaled):
    wanted = {
        "postgres": {"postgres"},
        "nats": {"nats"},
        "alerts": {"services"},
        "jobs": {"services", "sealing"},
        "notifier": {"services", "sealing"},
        "api": {"services", "sealing", "admin"},
    }
    for service, folders in wanted.items():
        seen = scaled("exec", "--no-TTY", service, "ls", "/run/keepwatch").split()
        assert set(seen) == folders, service


def test_jobs_and_alerts_give_way_where_the_cpus_are_busy(scaled):
    """Whoever has no shares has the engine's default, which is no multiple of anybody's."""
    services = scaled("config", "--services").split()
    containers = {service: scaled.containers(service) for service in services}
    shares = {
        service: {int(docker("inspect", "--format", "{{.HostConfig.CpuShares}}", one)) for one in found}
        for service, found in containers.items()
        if found
    }
    behind = max(shares.pop("jobs") | shares.pop("alerts"))

    assert {"notifier", "api", "postgres", "nats"} < set(shares)
    assert all(0 < behind < one for found in shares.values() for one in found), shares


async def test_a_cluster_works_on_while_two_of_three_live(cluster, api_of, receiver_of):
    async with api_of(cluster) as api, receiver_of(api) as receiver:
        for node in ("nats", "nats-2", "nats-3"):  # one of them leads the stream
            host_name, groups = f"without-{node}", [f"group-{number}" for number in range(30)]
            (container,) = cluster.containers(node)
            with cluster.dead(container):
                await _report_all(api, host_name, groups)
                await _each_is_told_once(api, receiver, host_name, groups)
            await asyncio.to_thread(cluster.wait_healthy, container)


def _published(compose) -> list[str]:
    lines = compose("ps", "--format", "{{.Service}} {{.Ports}}").splitlines()
    return [line.split()[0] for line in lines if "->" in line]


async def _is_online(api, host_id: str) -> bool:
    return (await api.get(f"/hosts/{host_id}"))["status"] == "online"


async def _tell_the_story(api, receiver, host_name: str) -> None:
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


@asynccontextmanager
async def _under_load(api, receiver, host_name: str):
    """Reports failures of 300 groups while the block runs; afterwards each has been told, once."""
    groups = [f"group-{number}" for number in range(300)]
    reporting = asyncio.create_task(_report_all(api, host_name, groups))
    yield
    await reporting
    await _each_is_told_once(api, receiver, host_name, groups)


async def _each_is_told_once(api, receiver, host_name: str, groups: list[str]) -> None:
    await api.until(lambda: _heard(receiver, host_name, len(groups)), 120)
    told = Counter((call.type, call.alert["source_group_name"]) for call in _first_arrivals(receiver, host_name))
    assert told == Counter(("alert.raised", group) for group in groups)
    alerts = await _all_alerts(api, host_name)
    assert len(alerts) == len(groups)
    assert {alert["occurrences"] for alert in alerts} == {1}


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
    assert status in {202, 502, 503, 504}, answer
    return status == 202


async def _all_alerts(api, host_name: str) -> list[dict]:
    (host,) = (await api.get("/hosts", name=host_name))["items"]
    found, cursor = [], {}
    while cursor is not None:
        page = await api.get("/alerts", host_id=host["id"], limit=200, **cursor)
        found += page["items"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    return found


@pytest.fixture
async def failed(api, receiver, host_name):
    """An alert that has been told."""
    await api.report(host_name, "etc", "failed")
    await api.until(lambda: _heard(receiver, host_name, 1))
    return await api.open_alert(host_name, "etc")


@pytest.fixture
def backup(compose, failed, tmp_path):
    """A backup with that alert in it."""
    compose.script("backup", tmp_path / "keepwatch.tar")
    return tmp_path / "keepwatch.tar"


async def test_a_backup_of_it_all_is_restored_into_a_new_installation(failed, backup, receiver, elsewhere, api_of):
    """Its alerts, its users and its sealed secrets are there again; where there is something it is refused."""
    assert backup.stat().st_mode & 0o077 == 0
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]
    await asyncio.to_thread(_cut_off_restore, elsewhere, backup)
    await asyncio.to_thread(elsewhere.script, "restore", backup)
    async with api_of(elsewhere) as api:
        host, group = failed["host_name"], failed["source_group_name"]
        again = await api.open_alert(host, group)
        assert again | {"url": ""} == failed | {"url": ""}
        await api.report(host, group, "succeeded")
        await api.until(lambda: _heard(receiver, host, 2))

    assert receiver.heard(host) == [("alert.raised", group), ("alert.resolved", group)]
    assert all(call.valid for call in receiver.calls), "the channel's secret is the one it had"
    with pytest.raises(AssertionError, match="has secrets already"):
        await asyncio.to_thread(elsewhere.script, "restore", backup)


def _cut_off_restore(elsewhere, backup: Path) -> None:
    """The machine goes away in the middle of a restore; nothing starts until it is done again."""
    torn = backup.with_name("torn.tar")
    with tarfile.open(backup) as whole, tarfile.open(torn, "w") as part:
        dump, keys = (whole.getmember(name) for name in ("keepwatch.dump", "secrets.tar"))
        data = whole.extractfile(dump).read()[: dump.size // 2]
        dump.size = len(data)
        part.addfile(dump, BytesIO(data))
        part.addfile(keys, whole.extractfile(keys))
    with pytest.raises(AssertionError, match="pg_restore"):
        elsewhere.script("restore", torn)
    with pytest.raises(AssertionError, match="complete successfully"):
        elsewhere.up()

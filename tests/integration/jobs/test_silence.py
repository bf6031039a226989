"""Agents that fall silent: hosts offline, jobs lost, and never because of our own outage."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from services.jobs import handlers
from services.jobs.answers import hosts
from services.jobs.offline import watch
from shared.asks.agents import AgentsAlive
from shared.asks.hosts import GetHost, HostPatch, ListHosts, PatchHost
from shared.clock import utc_now


async def watched(fleet, now):
    """We and a gateway have been there all the time until `now`."""
    await fleet.pool.execute("UPDATE jobs.watch SET jobs_beat_at = $1, gateway_beat_at = $1", now)
    await watch(fleet.desk, now)


async def alive(fleet, *host_ids):
    await handlers.agents_alive(fleet.desk, AgentsAlive(gateway_id=uuid4(), host_ids=list(host_ids)))


async def test_a_silent_host_is_announced_once_after_its_grace_by_any_number_of_replicas(fleet):
    host = await fleet.host(offline_after_seconds=300)
    await fleet.hello(host)
    now = utc_now()

    await watched(fleet, now + timedelta(seconds=290))
    assert await fleet.said() == []
    late = now + timedelta(seconds=301)
    await watched(fleet, late)
    await asyncio.gather(*(watch(fleet.desk, late) for _ in range(3)))

    (event,) = await fleet.said()
    assert (event["host_id"], event["offline_after_seconds"]) == (str(host.id), 300)
    assert datetime.fromisoformat(event["evidence_at"]) == late


async def test_a_host_that_is_heard_again_is_online_and_its_facts_are_counted(fleet):
    host = await fleet.host()
    await fleet.hello(host)
    await watched(fleet, utc_now() + timedelta(hours=1))

    await alive(fleet, host.id)
    await alive(fleet, host.id)
    await watched(fleet, utc_now() + timedelta(hours=1))

    said = [(event["version"], "silent_since" in event) for event in await fleet.said()]
    assert said == [(1, True), (2, False), (3, True)]


@pytest.mark.parametrize("ours", ["jobs_beat_at", "gateway_beat_at"])
async def test_silence_during_our_own_outage_is_not_the_hosts(fleet, ours):
    host = await fleet.host()
    await fleet.hello(host)
    back = utc_now() + timedelta(hours=5)
    await fleet.pool.execute("UPDATE jobs.watch SET jobs_beat_at = $1, gateway_beat_at = $1", back)
    await fleet.pool.execute(f"UPDATE jobs.watch SET {ours} = $1", back - timedelta(hours=5))

    await watch(fleet.desk, back)
    await watched(fleet, back + timedelta(seconds=590))
    assert await fleet.said() == []

    await watched(fleet, back + timedelta(seconds=610))
    assert [event["host_id"] for event in await fleet.said()] == [str(host.id)]


async def test_a_laptop_and_a_host_that_never_connected_never_raise(fleet):
    await fleet.hello(await fleet.host("laptop", offline_after_seconds=None))
    await fleet.host("never")

    await watched(fleet, utc_now() + timedelta(days=30))

    assert await fleet.said() == []


async def test_a_status_is_never_seen_online_or_offline(fleet):
    never, online, offline = [await fleet.host(name) for name in ("never", "online", "offline")]
    await fleet.hello(online)
    await fleet.hello(offline)
    await fleet.pool.execute("UPDATE jobs.host SET last_seen_at = now() - interval '46 seconds' WHERE name = 'offline'")

    for host, status in ((never, "never_seen"), (online, "online"), (offline, "offline")):
        assert (await hosts.get(fleet.desk, GetHost(id=host.id))).status == status
    page = await hosts.list_by_name(fleet.desk, ListHosts(statuses=["offline", "never_seen"]))
    assert [host.name for host in page.items] == ["never", "offline"]


async def test_what_an_agent_no_longer_has_is_lost_as_of_its_last_sign_of_life(fleet):
    host = await fleet.host()
    groups = [await fleet.group(host, name) for name in ("running", "spooled", "lost")]
    running, spooled, lost = [await fleet.running(host, group) for group in groups]
    seen = await fleet.pool.fetchval("SELECT last_seen_at FROM jobs.host")
    since = await fleet.pool.fetchval("SELECT running_since FROM jobs.job WHERE id = $1", lost.id)

    await fleet.hello(host, running=[running.id], spooled=[spooled.id])

    assert [(await fleet.job(job.id)).status for job in (running, spooled, lost)] == ["running", "running", "failed"]
    (event,) = await fleet.said("job.finished")
    assert (event["job_id"], event["error_class"]) == (str(lost.id), "agent_lost")
    assert datetime.fromisoformat(event["evidence_at"]) == max(seen, since)


async def test_a_job_that_began_after_the_hello_was_sent_is_not_lost(fleet):
    host = await fleet.host()
    before = utc_now() - timedelta(seconds=1)
    job = await fleet.running(host, await fleet.group(host))

    await fleet.hello(host, sent_at=before)

    assert (await fleet.job(job.id)).status == "running"


async def test_a_job_that_was_sent_and_not_begun_is_sent_again_after_hello(fleet):
    host = await fleet.host()
    job = await fleet.dispatched(host, await fleet.group(host))

    await fleet.hello(host)

    assert (await fleet.job(job.id)).status == "dispatched"
    assert await fleet.pool.fetchval("SELECT sent_at IS NULL FROM jobs.job")


@pytest.mark.parametrize("grace", [60, 1200, None])
async def test_jobs_of_an_unreachable_agent_are_lost_after_the_grace_and_an_hour(fleet, grace):
    host = await fleet.host(offline_after_seconds=grace)
    job = await fleet.running(host, await fleet.group(host))
    seen = await fleet.pool.fetchval("SELECT last_seen_at FROM jobs.host")

    await watched(fleet, seen + timedelta(seconds=(grace or 600) + 3590))
    assert (await fleet.job(job.id)).status == "running"
    await watched(fleet, seen + timedelta(seconds=(grace or 600) + 3601))

    assert (await fleet.job(job.id)).error_class == "agent_lost"
    (event,) = await fleet.said("job.finished")
    assert datetime.fromisoformat(event["evidence_at"]) == seen


async def test_a_true_result_replaces_a_presumed_one_under_a_new_event_id(fleet):
    host = await fleet.host()
    group = await fleet.group(host)
    job = await fleet.running(host, group)
    await fleet.hello(host)

    await fleet.ends(host, job.id, "succeeded")
    await fleet.ends(host, job.id, "failed")

    lost, true = await fleet.said("job.finished")
    assert [lost["status"], true["status"]] == ["failed", "succeeded"]
    assert lost["event_id"] != true["event_id"]
    assert lost["evidence_at"] < true["evidence_at"]
    ended = await fleet.job(job.id)
    assert (ended.status, ended.error_class, ended.message) == ("succeeded", None, None)


async def test_an_offline_host_says_since_when_its_job_waits(fleet):
    host = await fleet.host()
    group = await fleet.group(host)
    await fleet.hello(host)
    await fleet.pool.execute("UPDATE jobs.host SET last_seen_at = '2026-01-02 03:04:05Z'")

    job = await fleet.run(group)

    assert job.message == "waiting for the agent, offline since 2026-01-02 03:04:05 UTC"


async def test_null_clears_and_absent_stays(fleet):
    host = await fleet.host(labels={"env": "prod"})

    patched = await hosts.patch(
        fleet.desk, PatchHost(id=host.id, changes=HostPatch(offline_after_seconds=None, repository_id=None))
    )
    refusal = await hosts.patch(fleet.desk, PatchHost(id=host.id, changes=HostPatch(name=None)))

    assert (patched.offline_after_seconds, patched.repository, patched.labels) == (None, None, {"env": "prod"})
    assert (refusal.status, refusal.errors[0].pointer) == (422, "/name")

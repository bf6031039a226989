"""The story Keepwatch exists for, by HTTP, through real processes."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import aiohttp

RAISED, ACKED, RESOLVED = "alert.raised", "alert.acked", "alert.resolved"


async def test_two_source_groups(api, receiver, host_name):
    async def heard(count: int):
        calls = receiver.heard(host_name)
        return calls if len(calls) >= count else None

    async def has(group: str, occurrences: int):
        alert = await api.open_alert(host_name, group)
        return alert if alert and alert["occurrences"] == occurrences else None

    # Two groups fail: two alerts, two calls.
    await api.report(host_name, "etc", "failed", error_class="locked")
    await api.report(host_name, "mail", "failed", error_class="wrong_password")
    etc = await api.until(lambda: has("etc", 1))
    mail = await api.until(lambda: has("mail", 1))
    assert etc["title"] != mail["title"]
    assert etc["hint"] != mail["hint"]
    await api.until(lambda: heard(2))

    # The first fails again: still two, counted, nobody woken.
    await api.report(host_name, "etc", "failed", error_class="locked")
    again = await api.until(lambda: has("etc", 2))
    assert again["last_seen_at"] > etc["last_seen_at"]
    assert len(await api.alerts(host_name)) == 2

    # The first succeeds: its alert is resolved, the other stays.
    await api.report(host_name, "etc", "succeeded")
    await api.until(lambda: heard(3))
    assert sorted(receiver.heard(host_name)[:2]) == [(RAISED, "etc"), (RAISED, "mail")]
    assert receiver.heard(host_name)[2:] == [(RESOLVED, "etc")]
    (resolved,) = await api.alerts(host_name, state="resolved")
    assert (resolved["resolution"], resolved["source_group_name"]) == ("auto", "etc")

    # The other is acknowledged by somebody who hangs up; it fails again, and stays acknowledged.
    status, _ = await api.call("POST", f"/alerts/{mail['id']}/ack", {"note": "on it"})
    assert status == 204
    await api.until(lambda: heard(4))
    await api.report(host_name, "mail", "failed", error_class="wrong_password")
    mail = await api.until(lambda: has("mail", 2))
    assert (mail["state"], mail["note"]) == ("acked", "on it")

    # It is resolved by hand; then it fails, and that is a new alert.
    await api.post(f"/alerts/{mail['id']}/resolve", {}, expect=204)
    await api.until(lambda: heard(5))
    await api.report(host_name, "mail", "failed")
    await api.until(lambda: heard(6))
    assert receiver.heard(host_name)[3:] == [(ACKED, "mail"), (RESOLVED, "mail"), (RAISED, "mail")]
    assert (await api.open_alert(host_name, "mail"))["id"] != mail["id"]
    assert all(call.valid for call in receiver.calls)
    assert len({call.webhook_id for call in receiver.calls}) == len(receiver.calls)


async def test_an_acknowledgement_reaches_the_channels_though_the_client_is_gone(api, keepwatch, receiver, host_name):
    await api.report(host_name, "etc", "failed")

    async def raised():
        return await api.open_alert(host_name, "etc")

    alert = await api.until(raised)
    reader, writer = await asyncio.open_connection("127.0.0.1", keepwatch.ports["api-1"])
    writer.write(
        f"POST /api/v1/alerts/{alert['id']}/ack HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".encode()
    )
    await writer.drain()
    status_line = await reader.readline()
    writer.transport.abort()
    assert b" 204 " in status_line

    async def told():
        return (ACKED, "etc") in receiver.heard(host_name)

    await api.until(told)


async def test_jobs_about_the_repository_have_alerts_of_their_own(api, host_name):
    await api.report(host_name, "etc", "failed")
    for kind in ("forget", "prune", "check"):
        await api.report(host_name, None, "failed", kind=kind)

    async def four():
        found = await api.alerts(host_name, state="open")
        return found if len(found) == 4 else None

    found = await api.until(four)
    keys = {alert["kind"]: (alert["dedup_key"], alert["source_group_name"]) for alert in found}
    assert {keys[f"{kind}_failed"] for kind in ("forget", "prune", "check")} == {("", None)}
    assert keys["backup_failed"][1] == "etc"

    await api.report(host_name, None, "succeeded", kind="prune")

    async def resolved():
        return await api.alerts(host_name, state="resolved")

    assert [alert["kind"] for alert in await api.until(resolved)] == ["prune_failed"]


async def test_200_failures_at_once_from_20_clients(api, keepwatch, receiver, host_name):
    await api.report(host_name, "etc", "succeeded", finished_at="2020-01-01T00:00:00Z")

    async def client(session):
        headers = {"Authorization": f"Bearer {api.token}"}
        body = {"host": host_name, "kind": "backup", "source_group": "etc", "status": "failed"}
        for _ in range(10):
            async with session.post(f"{keepwatch.url}/api/v1/job-reports", json=body, headers=headers) as response:
                assert response.status == 202, await response.text()

    async with contextlib.AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(aiohttp.ClientSession()) for _ in range(20)]
        await asyncio.gather(*(client(session) for session in sessions))

    async def all_counted():
        alert = await api.open_alert(host_name, "etc")
        return alert if alert and alert["occurrences"] == 200 else None

    await api.until(all_counted)
    assert len(await api.alerts(host_name)) == 1

    async def told():
        return receiver.heard(host_name)

    assert await api.until(told) == [(RAISED, "etc")]


async def test_clocks_lie_and_reports_come_late(api, host_name):
    now = datetime.now(UTC)

    def moment(minutes: float) -> str:
        return (now + timedelta(minutes=minutes)).isoformat()

    async def judged(status: str, finished_at: str) -> str:
        report = {"host": host_name, "kind": "backup", "source_group": "etc", "status": status,
                  "finished_at": finished_at, "sent_at": moment(0)}  # fmt: skip
        answer = await api.post("/job-reports", report, expect=202, create=1)

        async def evidence():
            return (await api.get(f"/jobs/{answer['ids'][0]}"))["evidence"]

        return await api.until(evidence)

    assert await judged("failed", moment(-5)) == "applied"
    assert await judged("succeeded", moment(-10)) == "late"
    assert [alert["state"] for alert in await api.alerts(host_name)] == ["open"]
    assert await judged("succeeded", moment(-3)) == "applied"
    assert await judged("failed", moment(-4)) == "late"
    assert [alert["state"] for alert in await api.alerts(host_name)] == ["resolved"]

    # A report dated next year counts as now, so it hides nothing that comes after.
    report = {"host": host_name, "kind": "backup", "source_group": "etc", "status": "succeeded"}
    await api.post("/job-reports", report | {"finished_at": moment(525_600)}, expect=202)
    await api.report(host_name, "etc", "failed")

    async def open_again():
        return await api.open_alert(host_name, "etc")

    await api.until(open_again)


async def test_deleting_a_group_ends_its_alert_for_good(api, receiver, host_name):
    await api.report(host_name, "etc", "failed")

    async def raised():
        return await api.open_alert(host_name, "etc")

    alert = await api.until(raised)
    group_id = alert["source_group_id"]
    status, _ = await api.call("DELETE", f"/source-groups/{group_id}")
    assert status == 204

    async def ended():
        return (await api.get(f"/alerts/{alert['id']}"))["resolution"]

    assert await api.until(ended) == "source_deleted"
    job = await api.get(f"/jobs/{alert['raised_job_id']}")
    assert (job["source_group_id"], job["status"]) == (None, "failed")
    status, problem = await api.call(
        "POST", "/job-reports",
        {"host_id": alert["host_id"], "kind": "backup", "source_group_id": group_id, "status": "failed"},
    )  # fmt: skip
    assert status == 422
    assert problem["errors"][0]["pointer"] == "/source_group_id"


async def test_why_was_i_told_or_not(api, receiver, host_name):
    quiet = await api.post(
        "/channels",
        {"name": f"quiet {host_name}", "kind": "webhook", "config": {"url": receiver.url},
         "filter": {"min_severity": "critical"}},
    )  # fmt: skip
    await api.report(host_name, "etc", "failed")

    async def decided():
        alert = await api.open_alert(host_name, "etc")
        if not alert:
            return None
        detail = await api.get(f"/alerts/{alert['id']}")
        return detail if detail["decisions"] and detail["deliveries"] else None

    detail = await api.until(decided)
    reasons = {decision["channel_id"]: decision for decision in detail["decisions"]}
    assert reasons[quiet["id"]]["due"] is False
    assert "severity" in reasons[quiet["id"]]["reason"]
    assert [entry["type"] for entry in detail["timeline"]] == ["raised"]
    assert quiet["id"] not in {delivery["channel_id"] for delivery in detail["deliveries"]}
    await api.call("DELETE", f"/channels/{quiet['id']}")


async def test_a_receiver_that_fails_is_tried_again_with_the_same_id(api, receiver, host_name):
    receiver.answers = [500, 503]
    await api.report(host_name, "etc", "failed")

    async def three_calls():
        return len(receiver.heard(host_name)) >= 3

    await api.until(three_calls)
    assert len({call.webhook_id for call in receiver.calls}) == 1
    delivery = receiver.calls[0].webhook_id

    async def delivered():
        found = await api.get(f"/deliveries/{delivery}")
        return found if found["state"] == "delivered" else None

    found = await api.until(delivered)
    assert [attempt["status"] for attempt in found["attempts"]] == [500, 503, 204]

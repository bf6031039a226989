import asyncio
import json
from uuid import UUID, uuid4

import pytest

from shared.asks.alerts import Acknowledge, BulkResult, BulkResults, Resolve

ALERT = UUID("33333333-3333-3333-3333-333333333333")
TOKEN = "kw_test-admin-token"


@pytest.fixture
async def alerts(bus):
    """Answers each click with what stands in `status`."""
    status = {"now": 204}

    def answer(asked) -> BulkResults:
        return BulkResults(results=[BulkResult(id=each, status=status["now"]) for each in asked.ids])

    await bus.answer(Acknowledge, answer)
    await bus.answer(Resolve, answer)
    return status


@pytest.mark.parametrize("verb", ["ack", "resolve"])
@pytest.mark.parametrize("status", [204, 404, 409])
async def test_one_alert(gateway, bus, alerts, verb, status):
    alerts["now"] = status
    answer = await gateway.call("POST", f"/api/v1/alerts/{ALERT}/{verb}", json={"note": "on it"}, status=status)

    (asked,) = bus.asked
    assert (asked.ids, asked.actor, asked.note) == ([ALERT], "admin token", "on it")
    assert bool(answer.body) == (status != 204)


@pytest.mark.parametrize("verb", ["ack", "resolve"])
async def test_many_alerts(gateway, bus, alerts, verb):
    ids = [str(uuid4()) for _ in range(3)]
    answer = await gateway.call("POST", f"/api/v1/alerts/{verb}", json={"ids": ids}, status=200)

    assert answer.body == {"results": [{"id": each, "status": 204} for each in ids]}
    assert len(bus.asked) == 1


@pytest.mark.parametrize("ids", [[], [str(ALERT)] * 501, ["x"], None])
async def test_how_many_is_checked(gateway, bus, alerts, ids):
    await gateway.call("POST", "/api/v1/alerts/ack", json={"ids": ids}, status=422)

    assert bus.asked == []


async def test_a_client_that_hangs_up_at_once_has_acknowledged_all_the_same(gateway, bus, alerts):
    """A browser's closed tab once cancelled what its click had begun."""
    host, port = gateway.url.removeprefix("http://").split(":")
    body = json.dumps({"note": "bye"}).encode()
    head = (
        f"POST /api/v1/alerts/{ALERT}/ack HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    for _ in range(10):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with asyncio.timeout(10):
        while len(bus.asked) < 10:
            await asyncio.sleep(0.02)
    assert {asked.note for asked in bus.asked} == {"bye"}

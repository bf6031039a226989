from uuid import uuid4

import pytest

from shared.asks.demo import TellPast

BACKUP = {
    "source_group_id": str(uuid4()),
    "status": "succeeded",
    "started_at": "2026-03-01T02:30:00Z",
    "finished_at": "2026-03-01T02:35:00Z",
}


async def test_an_administrator_tells_the_demos_past(gateway, bus):
    await bus.answer(TellPast, lambda asked: len(asked.body.backups))

    answer = await gateway.call("POST", "/demo/history", json={"backups": [BACKUP, BACKUP]}, status=200)

    assert answer.body == {"added": 2}


async def test_nobody_else_does(gateway, bus):
    await bus.answer(TellPast, 1)
    made = await gateway.call("POST", "/api/v1/tokens", json={"name": "grafana", "role": "operator"}, status=201)

    await gateway.call("POST", "/demo/history", token="", json={"backups": [BACKUP]}, status=401)
    await gateway.call("POST", "/demo/history", token=made.body["token"], json={"backups": [BACKUP]}, status=403)
    assert bus.questions(TellPast) == []


@pytest.mark.parametrize("wrong", [{"finished_at": "2026-02-01T00:00:00Z"}, {"status": "running"}, {"trigger": "x"}])
async def test_a_past_that_cannot_be_is_refused(gateway, wrong):
    await gateway.call("POST", "/demo/history", json={"backups": [BACKUP | wrong]}, status=422)


async def test_without_the_demo_there_is_no_past(start_gateway):
    async with start_gateway(demo=False) as gateway:
        await gateway.call("POST", "/demo/history", json={"backups": [BACKUP]}, status=404)

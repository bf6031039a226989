from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from shared.asks.dead_letters import (
    DeadLetter,
    DeadLetterWithPayload,
    GetAlertsDeadLetter,
    GetNotifierDeadLetter,
    ListAlertsDeadLetters,
    ListNotifierDeadLetters,
    Replayed,
    ReplayNotifierDeadLetter,
)
from shared.refusal import Refusal

AT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
ID = UUID(int=7)
NOT_MINE = Refusal.not_found("dead letter")


def letter(service: str, minutes: int) -> DeadLetter:
    at = AT + timedelta(minutes=minutes)
    return DeadLetter(
        id=UUID(int=minutes), service=service, subject="alert.raised", stream_seq=minutes, error="x", created_at=at
    )


@pytest.fixture
async def letters(bus):
    """Both services have some, as many as they are asked for from a place on."""
    kept = {"alerts": [letter("alerts", at) for at in (9, 6, 5, 1)], "notifier": [letter("notifier", 8)]}

    def from_place(service):
        def answer(asked):
            found = [one for one in kept[service] if not asked.before or (one.created_at, one.id) < asked.before]
            return found[: asked.most]

        return answer

    await bus.answer(ListAlertsDeadLetters, from_place("alerts"))
    await bus.answer(ListNotifierDeadLetters, from_place("notifier"))


async def test_all_services_letters_are_one_list_page_by_page(gateway, letters):
    seen, cursor = [], None
    while not seen or cursor:
        query = "?limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = (await gateway.call("GET", f"/api/v1/dead-letters{query}", status=200)).body
        seen += [(one["service"], one["stream_seq"]) for one in page["items"]]
        cursor = page["next_cursor"]

    assert seen == [("alerts", 9), ("notifier", 8), ("alerts", 6), ("alerts", 5), ("alerts", 1)]


async def test_one_service_can_be_asked_while_another_is_away(gateway, bus):
    await bus.answer(ListNotifierDeadLetters, [letter("notifier", 8)])

    both = await gateway.call("GET", "/api/v1/dead-letters", status=503)
    one = await gateway.call("GET", "/api/v1/dead-letters?service=notifier", status=200)

    assert "alerts" in both.body["detail"]
    assert [each["service"] for each in one.body["items"]] == ["notifier"]


async def test_a_letter_is_replayed_by_whom_it_belongs_to(gateway, bus):
    shown = DeadLetterWithPayload(**dict(letter("notifier", 7)), payload="{", payload_bytes=1)
    await bus.answer(GetAlertsDeadLetter, NOT_MINE)
    await bus.answer(GetNotifierDeadLetter, shown)
    await bus.answer(ReplayNotifierDeadLetter, Replayed(id=ID, replayed=False, error="no JSON"))

    found = await gateway.call("GET", f"/api/v1/dead-letters/{ID}", status=200)
    answer = await gateway.call("POST", f"/api/v1/dead-letters/{ID}/replay", status=200)

    assert (found.body["payload"], found.body["service"]) == ("{", "notifier")
    assert answer.body == {"id": str(ID), "replayed": False, "error": "no JSON"}


async def test_nobody_s_letter_is_404_and_unknown_while_somebody_is_away(gateway, bus):
    await bus.answer(GetAlertsDeadLetter, NOT_MINE)
    await gateway.call("GET", f"/api/v1/dead-letters/{uuid4()}", status=503)

    await bus.answer(GetNotifierDeadLetter, NOT_MINE)
    await gateway.call("POST", f"/api/v1/dead-letters/{uuid4()}/replay", status=404)


async def test_a_bad_cursor_is_422(gateway):
    answer = await gateway.call("GET", "/api/v1/dead-letters?cursor=x", status=422)

    assert answer.body["errors"][0]["pointer"] == "/cursor"

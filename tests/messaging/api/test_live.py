import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import aiohttp
import pytest

from shared import streams
from shared.streams import STREAM
from tests.messaging.api.conftest import eventually


@dataclass
class Seen:
    event: str
    id: str | None
    data: dict


class Stream:
    """A client of the live stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.place: str | None = None

    async def next(self, seconds: float = 15) -> Seen | None:
        """The next event; None when the stream has ended."""
        async with asyncio.timeout(seconds):
            while block := await self._block():
                fields = dict(line.split(": ", 1) for line in block if not line.startswith(":"))
                self.place = fields.get("id", self.place)
                if "data" in fields:
                    return Seen(fields["event"], fields.get("id"), json.loads(fields["data"]))
        return None

    async def _block(self) -> list[str]:
        lines = []
        while line := (await self.answer.content.readline()).decode():
            if line == "\n":
                return lines
            lines.append(line.rstrip("\n"))
        return []


@asynccontextmanager
async def listening(gateway, last: str | None = None, *, token="kw_test-admin-token", query=""):
    headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last} if last else {})
    async with gateway.http.get(gateway.url + "/api/v1/events" + query, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        stream = Stream(answer)
        await stream._block()  # it listens now
        yield stream


@pytest.fixture
def publish(bus):
    """Puts numbered events into the stream."""
    js = bus.client.jetstream(timeout=5)

    async def one(number: int, subject: str = "alert.raised") -> None:
        await js.publish(subject, json.dumps({"n": number}).encode(), stream=STREAM)

    return one


async def test_events_of_the_stream_arrive_with_ids_and_hints_without(gateway, bus, publish):
    async with listening(gateway) as stream:
        await publish(1, "job.finished")
        await publish(2, "host.offline")  # not for people to watch
        await publish(3)
        seen = [await stream.next(), await stream.next()]
        await bus.client.publish("job.updated", b'{"n": 4}')
        hint = await stream.next()

    assert [(each.event, each.data["n"]) for each in seen] == [("job.finished", 1), ("alert.raised", 3)]
    assert all(each.id for each in seen)
    assert (hint.event, hint.id) == ("job.updated", None)


@pytest.mark.parametrize("way", ["header", "query"])
async def test_who_comes_back_gets_all_since_then_once(gateway, publish, way):
    async with listening(gateway) as stream:
        await publish(0)
        last = (await stream.next()).id
    for number in range(1, 600):
        await publish(number)
    last_header, query = (last, "") if way == "header" else (None, f"?last_event_id={last}")
    publishing = asyncio.create_task(_publish_more(publish, range(600, 700)))
    async with listening(gateway, last_header, query=query) as stream:
        numbers = [(await stream.next()).data["n"] for _ in range(699)]
    await publishing

    assert numbers == list(range(1, 700))


async def _publish_more(publish, numbers):
    for number in numbers:
        await publish(number)


async def test_who_was_cut_off_before_the_first_event_misses_nothing(gateway, publish):
    headers = {"Authorization": "Bearer kw_test-admin-token"}
    async with gateway.http.get(gateway.url + "/api/v1/events", headers=headers) as answer:
        first = await Stream(answer)._block()
    place = next(line.removeprefix("id: ") for line in first if line.startswith("id: "))
    await publish(1)

    async with listening(gateway, place) as stream:
        assert (await stream.next()).data["n"] == 1


async def test_the_stream_is_read_while_somebody_listens(gateway, bus, publish):
    """Reading it for nobody once cost a sixth of a storm."""
    js = bus.client.jetstream(timeout=5)

    async def readers() -> int:
        return sum(not consumer.config.durable_name for consumer in await js.consumers_info(STREAM))

    async def left() -> bool:
        await publish(0)  # which nobody is told
        return await readers() == 0

    assert await readers() == 0
    for number in (1, 2):
        async with listening(gateway) as stream:
            await publish(number)
            assert (await stream.next()).data["n"] == number
            assert await readers() == 1
        await eventually(left)


async def test_another_gateway_understands_the_id(gateway, start_gateway, publish):
    async with listening(gateway) as stream:
        await publish(1)
        last = (await stream.next()).id
    async with start_gateway() as other:
        await publish(2)
        async with listening(other, last) as stream:
            assert (await stream.next()).data["n"] == 2


@pytest.mark.parametrize("last", ["nonsense", "0123456789ab-5", None])
async def test_a_position_no_longer_held_is_told_and_the_stream_goes_on_live(gateway, bus, publish, last):
    if last is None:
        async with listening(gateway) as stream:
            await publish(1)
            last = (await stream.next()).id
        await publish(2)
        await publish(3)
        await bus.client.jetstream(timeout=5).purge_stream(STREAM)
    async with listening(gateway, last) as stream:
        assert (await stream.next()).event == "reset"
        await publish(4)
        assert (await stream.next()).data["n"] == 4


async def test_a_stream_made_anew_is_told_to_who_listens(gateway, bus, publish):
    js = bus.client.jetstream(timeout=5)
    async with listening(gateway) as stream:
        await publish(1)
        await stream.next()
        await js.delete_stream(STREAM)
        await streams.ensure(js, 1)
        assert (await stream.next(30)).event == "reset"
        await publish(2)
        assert (await stream.next()).data["n"] == 2


async def test_a_revoked_token_ends_its_stream(gateway):
    made = await gateway.call("POST", "/api/v1/tokens", json={"name": "tv", "role": "viewer"}, status=201)
    async with listening(gateway, token=made.body["token"]) as stream:
        await gateway.call("DELETE", f"/api/v1/tokens/{made.body['id']}", status=204)

        assert await stream.next(15) is None


async def test_a_quiet_stream_shows_that_it_lives(gateway):
    async with listening(gateway) as stream, asyncio.timeout(15):
        assert (await stream.answer.content.readline()).startswith(b":")


async def test_a_stopping_gateway_ends_its_streams_at_once(start_gateway):
    async with start_gateway() as gateway, listening(gateway) as stream:
        gateway.stop.set()

        assert await stream.next(5) is None
        async with asyncio.timeout(8):
            await gateway.task


async def test_who_has_no_token_hears_nothing(gateway):
    await gateway.call("GET", "/api/v1/events", token=f"kw_{uuid4()}", status=401)

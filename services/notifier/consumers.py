"""Connects the alerts' events to their handler."""

from collections.abc import Awaitable, Callable, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg

from services.notifier import dead_letters, handlers
from services.notifier.model import Arrived
from shared.bus import jetstream
from shared.db import Pool
from shared.measures import DEAD_LETTERS
from shared.pull import Consumer
from shared.streams import NOTIFIER, ensure


def consumer(
    client: Client, pool: Pool, replicas: int, take_in: Callable[[Sequence[Arrived]], Awaitable[None]]
) -> Consumer:
    """Gives alerts' events to `take_in`, and sets aside what is none."""

    async def handle(messages: list[Msg]) -> None:
        arrived, poison = decode_all(messages)
        for message, error in poison:
            await set_aside(message, error)
            DEAD_LETTERS.labels(NOTIFIER.name).inc()
        if arrived:
            await take_in(arrived)

    async def set_aside(message: Msg, error: Exception) -> None:
        await dead_letters.set_aside(pool, message.subject, message.metadata.sequence.stream, message.data, error)

    async def create_missing() -> None:
        await ensure(jetstream(client), replicas)

    return Consumer(NOTIFIER, handle, set_aside, create_missing)


def decode_all(messages: Sequence[Msg]) -> tuple[list[Arrived], list[tuple[Msg, Exception]]]:
    """The events, and the messages that hold none, with why."""
    arrived: list[Arrived] = []
    poison: list[tuple[Msg, Exception]] = []
    for message in messages:
        try:
            arrived.append(handlers.decode(message.subject.removeprefix("alert."), message.data))
        except ValueError as error:
            poison.append((message, error))
    return arrived, poison

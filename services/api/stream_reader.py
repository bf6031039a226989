"""Reads the stream in order from any place on, for one reader, without leaving a trace in it."""

import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared.bus import jetstream
from shared.own_host import CANARY_HOST_ID
from shared.streams import STREAM

SUBJECTS = ["job.finished", "alert.*"]
BATCH = 200
PULL_SECONDS = 5.0
FORGOTTEN_AFTER_SECONDS = 60.0
CANARY = str(CANARY_HOST_ID).encode()


class GapError(Exception):
    """The broker forgot this reader, or a message was lost on the way: begin again after the last one."""


@dataclass(frozen=True)
class Entry:
    """A message of the stream."""

    seq: int
    subject: str
    data: bytes

    @property
    def about_the_canary(self) -> bool:
        """Nobody is to see it."""
        if CANARY not in self.data:  # nearly always: nothing has to be parsed
            return False
        body = json.loads(self.data)
        return str(CANARY_HOST_ID) in {body.get("host_id"), body.get("alert", {}).get("host_id")}


async def read(client: Client, after: int, upto: int | None = None) -> AsyncGenerator[Entry, None]:
    """Every message after one sequence, up to and including another or without end.

    Raises GapError when it can't promise that any more.
    """
    if upto is not None and after >= upto:
        return
    js = jetstream(client)
    consumer = await js.add_consumer(STREAM, _ephemeral(after))
    if upto is not None and not consumer.num_pending:
        return
    subscription = await js.pull_subscribe_bind(consumer=consumer.name, stream=STREAM)
    expected = 1
    try:
        while True:
            for message in await _next(client, subscription, expected):
                place = message.metadata.sequence
                if place.consumer != expected:
                    raise GapError
                expected += 1
                if upto is not None and place.stream > upto:
                    return
                yield Entry(place.stream, message.subject, message.data)
                if upto is not None and (place.stream == upto or not message.metadata.num_pending):
                    return
    finally:
        await _leave(js, subscription, consumer.name)


def _ephemeral(after: int) -> ConsumerConfig:
    return ConsumerConfig(
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        filter_subjects=SUBJECTS,
        inactive_threshold=FORGOTTEN_AFTER_SECONDS,
        mem_storage=True,
        num_replicas=1,
    )


async def _next(client: Client, subscription: JetStreamContext.PullSubscription, expected: int) -> list[Msg]:
    try:
        return await subscription.fetch(BATCH, timeout=PULL_SECONDS)
    except TimeoutError:
        if not client.is_connected:
            raise GapError from None
        info = await subscription.consumer_info()
        if info.delivered is None or info.delivered.consumer_seq >= expected:
            raise GapError from None  # it was sent and did not arrive
        return []


async def _leave(js: JetStreamContext, subscription: JetStreamContext.PullSubscription, name: str) -> None:
    with suppress(nats.errors.Error, OSError):
        await subscription.unsubscribe()
        await js.delete_consumer(STREAM, name)

"""The stream and its durable consumers: one definition, created when missing by migrate and by whoever misses it."""

from dataclasses import dataclass
from datetime import timedelta

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError

STREAM = "KEEPWATCH"
SUBJECTS = ["job.finished", "host.offline", "host.online", "host.deleted", "source_group.deleted", "alert.*"]
MAX_AGE = timedelta(days=7)
DUPLICATE_WINDOW = timedelta(minutes=10)
ACK_WAIT = timedelta(seconds=30)
MAX_ACK_PENDING = 5000


@dataclass(frozen=True)
class Durable:
    """A durable pull consumer, shared by all replicas of a service."""

    name: str
    subjects: tuple[str, ...]


ALERTS = Durable("alerts", ("job.finished", "host.offline", "host.online", "host.deleted", "source_group.deleted"))
NOTIFIER = Durable("notifier", ("alert.*",))
DURABLES = (ALERTS, NOTIFIER)


def stream_config(replicas: int) -> StreamConfig:
    """File storage, limits retention: what has been consumed stays for 7 days, and so does the memory of its ids."""
    return StreamConfig(
        name=STREAM,
        subjects=SUBJECTS,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=MAX_AGE.total_seconds(),
        duplicate_window=DUPLICATE_WINDOW.total_seconds(),
        num_replicas=replicas,
    )


def consumer_config(durable: Durable) -> ConsumerConfig:
    """Explicit acks, endless redelivery: poison is set aside by us, never dropped by the broker."""
    return ConsumerConfig(
        durable_name=durable.name,
        filter_subjects=list(durable.subjects),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT.total_seconds(),
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
    )


async def ensure(js: JetStreamContext, replicas: int) -> None:
    """Create what is missing; what exists is left as it is."""
    try:
        await js.stream_info(STREAM)
    except NotFoundError:
        await _create_stream(js, replicas)
    for durable in DURABLES:
        try:
            await js.consumer_info(STREAM, durable.name)
        except NotFoundError:
            await js.add_consumer(STREAM, consumer_config(durable))


async def _create_stream(js: JetStreamContext, replicas: int) -> None:
    try:
        await js.add_stream(stream_config(replicas))
    except BadRequestError:
        # Another process was first, perhaps with other settings: whoever administers the stream decides.
        await js.stream_info(STREAM)


async def missing(js: JetStreamContext) -> list[str]:
    """What `ensure` would create, in words."""
    try:
        await js.stream_info(STREAM)
    except NotFoundError:
        return [f"stream {STREAM}", *(f"consumer {durable.name}" for durable in DURABLES)]
    lines = []
    for durable in DURABLES:
        try:
            await js.consumer_info(STREAM, durable.name)
        except NotFoundError:
            lines.append(f"consumer {durable.name}")
    return lines

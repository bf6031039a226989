"""NATS: the one connection of a process, questions and answers over it, and wake-up calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import nats.errors
import structlog
from faststream.exceptions import FastStreamException
from faststream.nats import NatsBroker
from faststream.nats.message import NatsMessage
from faststream.nats.security import NatsUserPassword
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared.asks.ask import Ask
from shared.connection import BROKEN, anonymous, credentials, end_process, log_disconnected, log_error, watch_over
from shared.db import is_transient
from shared.refusal import Refusal

Answer = TypeVar("Answer")
Handler = Callable[[Any], Awaitable[Any]]
log = structlog.get_logger()

ASK_SECONDS = 8.0
CONCURRENT_ANSWERS = 32


@asynccontextmanager
async def open_bus(urls: list[str], name: str, subscribe: Callable[[NatsBroker], None]) -> AsyncIterator[Client]:
    """The process's connection, with what `subscribe` registers on the broker running; drained at the end.

    It reconnects without end, and ends the process rather than be closed or deaf without anybody noticing.
    """
    leaving = asyncio.Event()
    known = credentials(urls)
    broker = NatsBroker(
        [anonymous(url) for url in urls] if known else urls,
        security=NatsUserPassword(*known) if known else None,
        name=f"keepwatch-{name}",
        apply_types=False,
        allow_reconnect=True,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,  # type: ignore[arg-type]  # seconds; nats-py takes fractions
        connect_timeout=5,
        ping_interval=5,
        max_outstanding_pings=2,
        graceful_timeout=1.5,
        closed_cb=partial(end_process, leaving),
        error_cb=log_error,
        disconnected_cb=partial(log_disconnected, leaving),
        logger=None,
    )
    subscribe(broker)
    await broker.start()
    client = client_of(broker)
    watch = asyncio.create_task(watch_over(client, urls, leaving))
    try:
        yield client
    finally:
        leaving.set()
        watch.cancel()
        try:
            async with asyncio.timeout(2):
                await broker.stop()
        except (nats.errors.Error, FastStreamException, TimeoutError) as error:
            log.warning("NATS not drained", error=type(error).__name__)


def client_of(broker: NatsBroker) -> Client:
    """The nats-py client of a started broker, for the hot loops."""
    client = broker.config.connection_state.connection
    if not isinstance(client, Client):
        raise TypeError("the broker has not been started")
    return client


def jetstream(client: Client) -> JetStreamContext:
    """JetStream with a deadline of seconds."""
    return client.jetstream(timeout=8)


class Unheard(Refusal):
    """Nobody was there to hear the question, so nothing was done; e.g. all that run are from before it was asked."""


async def ask(client: Client, question: Ask[Answer], timeout: float = ASK_SECONDS) -> Answer | Refusal:  # noqa: ASYNC109
    """The owner's answer or refusal; a 503 refusal when no owner answers in time, `Unheard` when there is none."""
    try:
        reply = await client.request(question.subject, question.model_dump_json(exclude_unset=True).encode(), timeout)
    except BROKEN as error:
        owner = question.subject.split(".")[1]
        log.warning("no answer", subject=question.subject, error=type(error).__name__)
        kind = Unheard if isinstance(error, nats.errors.NoRespondersError) else Refusal
        return kind.unavailable(f"The {owner} service does not answer. Try again in a moment.")
    answer: Answer | Refusal = question.decode_answer(reply.data)
    return answer


def serve_answers(broker: NatsBroker, owner: str, answers: Mapping[type[Ask[Any]], Handler]) -> None:
    """Answer these questions, shared with the owner's other replicas."""
    for question, handler in answers.items():
        broker.subscriber(
            question.subject,
            queue=owner,
            max_workers=CONCURRENT_ANSWERS,
            decoder=_raw_body,
            title=question.__name__,
        )(_answering(question, handler))


async def _raw_body(message: NatsMessage) -> bytes:
    return message.body


def _answering(question: type[Ask[Any]], handler: Handler) -> Callable[[bytes], Awaitable[bytes]]:
    async def answer(body: bytes) -> bytes:
        try:
            return question.encode_answer(await handler(question.model_validate_json(body)))
        except Exception as error:  # noqa: BLE001  whatever it is, whoever asked gets an answer
            return question.encode_answer(refusal_of(question, error))

    return answer


def refusal_of(question: type[Ask[Any]] | Ask[Any], error: BaseException) -> Refusal:
    """What to say to who asked, for an error that is not of the asker's making; it is logged."""
    if is_transient(error):
        log.warning("cannot answer now", subject=question.subject, error=type(error).__name__)
        return Refusal.unavailable("The database does not answer. Try again in a moment.")
    log.error("cannot answer", subject=question.subject, exc_info=error)
    return Refusal(status=500, title="Internal error", detail="Something went wrong here; the log says what.")


@dataclass
class WakeCall:
    """Wakes the same loop in every replica after a commit; may be lost, so the loop polls as well."""

    subject: str
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    _client: Client | None = None

    def subscribe(self, broker: NatsBroker) -> None:
        """Hear calls, ours and the other replicas'."""
        broker.subscriber(self.subject, decoder=_raw_body, no_reply=True, title=f"{self.subject} hint")(self._hear)

    def connect(self, client: Client) -> None:
        """From now on calls reach the other replicas."""
        self._client = client

    async def call(self) -> None:
        """Wake our own loop at once, and the others'."""
        self.heard.set()
        if self._client:
            try:
                await self._client.publish(self.subject)
            except BROKEN:
                log.debug("wake-up call not sent", subject=self.subject)

    async def _hear(self, _: bytes) -> None:
        self.heard.set()

"""The services that own the answers, as the routes see them."""

import asyncio
from typing import Any, TypeVar

from nats.aio.client import Client

from services.api.errors import Problem
from shared import bus
from shared.asks.ask import Ask
from shared.refusal import Refusal

Answer = TypeVar("Answer")
SECONDARY_SECONDS = 2.0


class Owners:
    """Asks whoever owns the answer; a refusal ends the request as the problem it is."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._under_way: set[asyncio.Task[Any]] = set()

    async def answer_or_refusal(self, question: Ask[Answer], seconds: float = bus.ASK_SECONDS) -> Answer | Refusal:
        """What the owner says; a 503 refusal at once while NATS is away."""
        if not self.client.is_connected:
            # Sent after the reconnect it would take effect though its sender was told that it did not.
            return Refusal.unavailable("The message broker does not answer. Try again in a moment.")
        return await bus.ask(self.client, question, seconds)

    async def ask(self, question: Ask[Answer]) -> Answer:
        """The answer; raises the refusal as a Problem."""
        found = await self.answer_or_refusal(question)
        if isinstance(found, Refusal):
            raise Problem(found)
        return found

    async def ask_secondary(self, question: Ask[Answer]) -> Answer | None:
        """The answer, or nothing when it does not come soon."""
        found = await self.answer_or_refusal(question, SECONDARY_SECONDS)
        return None if isinstance(found, Refusal) else found

    async def ask_to_the_end(self, question: Ask[Answer]) -> Answer:
        """As `ask`, and the question is asked to its end even if the request is cancelled."""
        task = asyncio.ensure_future(self.ask(question))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

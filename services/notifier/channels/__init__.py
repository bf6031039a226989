"""The ways to tell somebody: one file per kind, listed here."""

from collections.abc import Mapping
from typing import Any, Protocol

from services.notifier.channels.webhook import Lines, Webhook
from services.notifier.model import Message, Outcome, Stored
from shared.refusal import Refusal
from shared.vocabulary import ChannelKind


class Kind(Protocol):
    """What every kind of channel can do; it says how a try went and never decides on another one."""

    def create(self, given: Mapping[str, Any]) -> Stored | Refusal:
        """What to store of a new channel's config."""

    def change(self, stored: Stored, given: Mapping[str, Any]) -> Stored | Refusal:
        """What to store after a change: what is left out stays."""

    def renew(self, stored: Stored) -> Stored | None:
        """What to store with a new secret for the receiver; None where the kind has none."""

    def shown(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The config as it may be read, secrets masked."""

    def disclosed(self, stored: Stored) -> str | None:
        """The secret that the receiver needs, shown once when the channel is made and when it is renewed."""

    async def send(self, message: Message, stored: Stored) -> Outcome:
        """Say it once."""


def kinds(lines: Lines) -> Mapping[ChannelKind, Kind]:
    """Every kind there is, over the same lines."""
    return {ChannelKind.WEBHOOK: Webhook(lines)}

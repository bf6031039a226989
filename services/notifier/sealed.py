"""A channel's secrets, bound to the channel they belong to."""

from typing import Any
from uuid import UUID

from services.notifier.queries import seals
from shared.sealing import Drawer, Sealer


def purpose(channel_id: UUID) -> str:
    """What binds the secrets to the channel."""
    return f"channel {channel_id}"


def closed(sealer: Sealer, channel_id: UUID, secrets: dict[str, Any]) -> bytes:
    """The secrets as they are stored."""
    return sealer.seal(secrets, purpose(channel_id))


def opened(sealer: Sealer, channel_id: UUID, secrets: bytes) -> dict[str, Any]:
    """The secrets as they are used; SealBrokenError under another key."""
    value: dict[str, Any] = sealer.open(secrets, purpose(channel_id))
    return value


DRAWER: Drawer[UUID] = Drawer("channels", seals.read, seals.replace, purpose)
"""Where they are kept."""

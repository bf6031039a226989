"""A channel's secrets, bound to the channel they belong to."""

from typing import Any
from uuid import UUID

from shared.sealing import Sealer


def closed(sealer: Sealer, channel_id: UUID, secrets: dict[str, Any]) -> bytes:
    """The secrets as they are stored."""
    return sealer.seal(secrets, f"channel {channel_id}")


def opened(sealer: Sealer, channel_id: UUID, secrets: bytes) -> dict[str, Any]:
    """The secrets as they are used; SealBrokenError under another key."""
    value: dict[str, Any] = sealer.open(secrets, f"channel {channel_id}")
    return value

"""Ids of what is made often."""

import os
import time
from uuid import UUID

_RANDOM_BITS = 62


def uuid7() -> UUID:
    """An id that begins with the time in milliseconds (RFC 9562): those made together lie together in an index."""
    milliseconds, random = time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10))
    first, second = random >> _RANDOM_BITS & 0xFFF, random & (1 << _RANDOM_BITS) - 1
    return UUID(int=milliseconds << 80 | 7 << 76 | first << 64 | 2 << _RANDOM_BITS | second)

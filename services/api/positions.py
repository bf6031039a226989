"""Where in the stream a listener is: an opaque id that any gateway understands."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from nats.js.api import StreamInfo


@dataclass(frozen=True)
class Position:
    """After this message of this stream; a stream made anew is another one."""

    stream: str
    seq: int

    def __str__(self) -> str:
        """The id of an event."""
        return f"{self.stream}-{self.seq}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The position that an id names; None when it names none."""
        found = re.fullmatch(r"([0-9a-f]{12})-([0-9]{1,18})", text)
        return cls(found[1], int(found[2])) if found else None

    def held_by(self, info: StreamInfo) -> bool:
        """Whether all that came after it is still in the stream."""
        state = info.state
        return self.stream == name_of(info) and state.first_seq - 1 <= self.seq <= state.last_seq


def name_of(info: StreamInfo) -> str:
    """What tells this stream from one of the same name that was made at another time."""
    return hashlib.sha256(str(info.created).encode()).hexdigest()[:12]

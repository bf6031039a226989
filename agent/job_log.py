"""A job's log on the agent's disk, until the server has the job's end."""

import logging
from pathlib import Path

logger = logging.getLogger(__name__)

MOST_BYTES = 5_000_000
_CUT = "… the log was cut here\n"


class JobLog:
    """Appends whole lines and gives them back by byte offset; a full disk costs lines, never the job."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._cut = False
        self.size = path.stat().st_size if path.exists() else 0

    def write(self, line: str) -> None:
        """Append one line, or the note that no more follow."""
        if self._cut:
            return
        data = f"{line}\n".encode(errors="replace")
        if self.size + len(data) > self._most_bytes:
            self._cut, data = True, _CUT.encode()
        self._append(data)

    def _append(self, data: bytes) -> None:
        try:
            with self._path.open("ab") as file:
                file.truncate(self.size)
                file.write(data)
            self.size += len(data)
        except OSError as error:
            self._cut = True
            logger.warning("job log not written", extra={"path": self._path, "reason": error.strerror})

    def read(self, offset: int, limit: int = 32_768) -> str:
        """Whole characters from a byte offset on, at most `limit` bytes; empty at the end."""
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                return file.read(min(limit, max(self.size - offset, 0))).decode(errors="ignore")
        except OSError:
            return ""

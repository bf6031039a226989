"""Small facts that are made once and kept in a data folder: a password, a port."""

import os
import random
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from cli.embedded.errors import EmbeddedServerError

LOOPBACK = "127.0.0.1"
FIRST_PORT = 10_240
LAST_PORT = 65_535
OUTGOING_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
DEFAULT_FIRST_OUTGOING_PORT = 32_768
TRIES = 100


def kept(path: Path, make: Callable[[], str]) -> str:
    """What the file holds, readable by its owner only; made, and surely on disk, when it is not there yet.

    Raises:
        EmbeddedServerError: it is there and cannot be read; it is not replaced, since what it kept may be needed.
    """
    if path.exists():
        return _read(path)
    value = make()
    keep(path, value)
    return value


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise EmbeddedServerError(f"Can't read {path}: {reason}.") from None


def keep(path: Path, value: str) -> None:
    """Write the file (0600) so that it holds either the old value or the new one, never a part."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(descriptor)
    unfinished.rename(path)


def password() -> str:
    """A password nobody guesses, safe in URLs and configuration files."""
    return secrets.token_urlsafe(32)


def kept_port(path: Path) -> int:
    """The port this folder's server had last time; another free one if somebody else has it now, or it is none."""
    known = kept(path, lambda: str(free_port()))
    if known.isdecimal() and 0 < int(known) <= LAST_PORT and is_free(int(known)):
        return int(known)
    port = free_port()
    keep(path, str(port))
    return port


def free_port() -> int:
    """A port on loopback that nobody listens on.

    Not one of those that the kernel gives to outgoing connections: while a server is down, one of them (even a
    client's that tries to reach this very server) could get its port, and the server would not come back.
    """
    for _ in range(TRIES):
        port = random.randrange(FIRST_PORT, max(_first_outgoing_port(), FIRST_PORT + 1))  # noqa: S311  no secret
        if is_free(port):
            return port
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def _first_outgoing_port() -> int:
    try:
        return int(OUTGOING_PORTS.read_text().split()[0])
    except OSError:
        return DEFAULT_FIRST_OUTGOING_PORT


def is_free(port: int, address: str = LOOPBACK) -> bool:
    """Whether a server could listen on that port now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.create_server((address, port), family=family).close()
    except OSError:
        return False
    return True

"""A connection to NATS: who we are at every server of a cluster, and that it is never dead without anybody noticing."""

import asyncio
import os
from urllib.parse import unquote, urlsplit, urlunsplit

import nats
import nats.errors
import structlog
from nats.aio.client import Client

log = structlog.get_logger()
RTT_SECONDS = 5.0
BROKEN = (nats.errors.Error, OSError, TimeoutError, RuntimeError)
"""What a client raises while its connection breaks; a transport of uvloop that is closed says so by a RuntimeError."""
PATIENCE = 3
"""So many times in a row a connection may be silent, or away."""


def credentials(urls: list[str]) -> tuple[str, str] | None:
    """User and password of the first URL that has them; they hold for all servers of a cluster.

    The servers that a cluster makes known by itself come without: nats-py would reach them as nobody, and be refused.
    """
    for parts in map(urlsplit, urls):
        if parts.username is not None and parts.password is not None:
            return unquote(parts.username), unquote(parts.password)
    return None


def anonymous(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


async def connect(urls: list[str], tries: int = 1) -> Client:
    """A connection for a moment; raises what nats-py does when nobody answers so many times."""
    user, password = credentials(urls) or (None, None)
    return await nats.connect(
        urls,
        user=user,
        password=password,
        connect_timeout=5,
        allow_reconnect=tries > 1,
        max_reconnect_attempts=tries,
        error_cb=log_error,
    )


async def end_process(leaving: asyncio.Event, why: str = "closed for good") -> None:
    """End this process at once, unless it is leaving anyway."""
    # A closed client stays closed for good, and would look healthy from outside.
    if not leaving.is_set():
        log.error("NATS connection lost, ending the process", why=why)
        os._exit(70)


async def log_error(error: Exception) -> None:
    """Log what nats-py reports, but for attempts to connect that failed."""
    if not isinstance(error, OSError):
        log.warning("NATS", error=type(error).__name__, detail=str(error))


async def log_disconnected(leaving: asyncio.Event) -> None:
    """Log that the server is away."""
    if not leaving.is_set():
        log.warning("NATS disconnected")


async def watch_over(client: Client, urls: list[str], leaving: asyncio.Event) -> None:
    """End the process when the connection lives and does not answer, or stays away while another can be made."""
    silent = outside = 0
    while True:
        await asyncio.sleep(RTT_SECONDS)
        if client.is_connected:
            silent, outside = 0 if await _answers(client) else silent + 1, 0
        else:
            # Not at the first look: a server that has just come back is reached by the connection itself in a moment.
            silent, outside = 0, outside + 1 if await _can_be_reached(urls) else 0
        if silent >= PATIENCE:
            await end_process(leaving, "lives and says nothing")
        if outside >= PATIENCE:
            await end_process(leaving, "stays away from a server that can be reached")


async def _answers(client: Client) -> bool:
    try:
        async with asyncio.timeout(RTT_SECONDS):
            await client.flush()
    except (nats.errors.Error, TimeoutError):
        return False
    return True


async def _can_be_reached(urls: list[str]) -> bool:
    try:
        other = await connect(urls)
    except (nats.errors.Error, OSError, TimeoutError):
        return False
    await other.close()
    return True

"""Webhooks as Standard Webhooks says: signed, with an id that stays the same on every try."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import aiohttp
import standardwebhooks
from pydantic_core import to_json

from services.notifier.addresses import AddressNotAllowedError, guarded_sockets
from services.notifier.channels import webhook_config
from services.notifier.model import Delivered, Message, Outcome, Refused, Stored, Unreachable
from shared.clock import Clock, utc_now
from shared.environment import Network
from shared.refusal import Refusal

TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=10, sock_read=10)
DETAIL_BYTES = 1024
DETAIL_SECONDS = 2.0
GONE = 410
ASKS_FOR_PATIENCE = {429, 503}
USER_AGENT = f"Keepwatch/{version('keepwatch')}"
TOO_SHORT_TO_HIDE = 4


@dataclass(frozen=True)
class Lines:
    """Ways to call: over connections that are kept open for the next call, or over a new one each time."""

    kept: aiohttp.ClientSession
    new: aiohttp.ClientSession


@asynccontextmanager
async def open_lines(networks: Sequence[Network]) -> AsyncIterator[Lines]:
    """Lines that reach allowed addresses only and take no orders from the environment or from cookies."""
    async with _session(networks, keep=True) as kept, _session(networks, keep=False) as new:
        yield Lines(kept, new)


@asynccontextmanager
async def _session(networks: Sequence[Network], *, keep: bool) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0, socket_factory=guarded_sockets(networks), force_close=not keep)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=TIMEOUT,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # what comes back is read to 1 kB, and unpacked it could be anything
        trust_env=False,
    ) as session:
        yield session


@dataclass(frozen=True)
class Webhook:
    """Posts messages to an address, signed with the channel's secret."""

    lines: Lines
    clock: Clock = utc_now

    def create(self, given: Mapping[str, Any]) -> Stored | Refusal:
        """A new webhook with a new signing secret."""
        return webhook_config.create(given)

    def change(self, stored: Stored, given: Mapping[str, Any]) -> Stored | Refusal:
        """The webhook with what was given; the signing secret stays."""
        return webhook_config.change(stored, given)

    def renew(self, stored: Stored) -> Stored:
        """The webhook with a new signing secret; the one before signs along for a while."""
        return webhook_config.renew(stored, self.clock())

    def shown(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Its url, and its headers' names."""
        return webhook_config.shown(config)

    def disclosed(self, stored: Stored) -> str | None:
        """The secret that signatures are verified with."""
        return str(stored.secrets["signing_secret"])

    async def send(self, message: Message, stored: Stored) -> Outcome:
        """Post once; redirects are answers like any other, and not a yes."""
        body = _body(message)
        headers = self._headers(message, body, stored)
        url = stored.config["url"]
        session = self.lines.new if message.once else self.lines.kept
        try:
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                detail = _scrubbed(await _beginning(response), stored)
                return _judge(response.status, response.headers.get("Retry-After"), detail, self.clock())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Unreachable(_in_words(error), unsent=isinstance(error, BEFORE_SENDING))

    def _headers(self, message: Message, body: bytes, stored: Stored) -> dict[str, str]:
        at = self.clock().replace(microsecond=0)
        secrets = webhook_config.signing_secrets(stored, at)
        signature = " ".join(_signer(secret).sign(str(message.id), at, body.decode()) for secret in secrets)
        ours = {
            "webhook-id": str(message.id),
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            **stored.secrets["headers"],
            **ours,
        }


@lru_cache(maxsize=1000)
def _signer(secret: str) -> standardwebhooks.Webhook:
    return standardwebhooks.Webhook(secret)


def _body(message: Message) -> bytes:
    data = {"alert": message.alert, "actor": message.actor, "note": message.note}
    body = {"type": message.type, "timestamp": message.at, "data": data}
    return to_json(body)


def _judge(status: int, retry_after: str | None, detail: str, now: datetime) -> Outcome:
    if 200 <= status < 300:  # noqa: PLR2004  the range that HTTP calls success
        return Delivered(status, detail)
    patience = _wanted_pause(retry_after, now) if status in ASKS_FOR_PATIENCE else None
    return Refused(status, f"the receiver answered {status}", detail, patience, gone=status == GONE)


def _wanted_pause(retry_after: str | None, now: datetime) -> timedelta | None:
    """What `Retry-After` asks for, in seconds or as a date; nothing when it makes no sense."""
    if retry_after is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", retry_after):
        return timedelta(seconds=int(retry_after))
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(at - now, timedelta(0))


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The first 1 kB of an answer's body; what does not come soon is not waited for."""
    if response.content.at_eof():
        return ""  # nearly always: nothing has to be waited for
    read = b""
    try:
        async with asyncio.timeout(DETAIL_SECONDS):
            read = await response.content.readexactly(DETAIL_BYTES)
    except asyncio.IncompleteReadError as short:
        read = short.partial
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass
    return read.decode("utf-8", "replace").replace("\0", "")


def _scrubbed(text: str, stored: Stored) -> str:
    """The text without our secrets, which some receivers send back."""
    former = stored.secrets.get("former", {}).get("secret", "")
    secrets = [stored.config["url"], stored.secrets["signing_secret"], former, *stored.secrets["headers"].values()]
    for secret in secrets:
        if len(secret) >= TOO_SHORT_TO_HIDE:
            text = text.replace(secret, webhook_config.MASK)
    return text


BEFORE_SENDING = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
"""No connection came about: name, address, certificate, or nobody there."""
SENTENCES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (aiohttp.ClientConnectorCertificateError, "the receiver's TLS certificate is not valid"),
    (aiohttp.ClientSSLError, "TLS failed"),
    (aiohttp.ClientConnectorDNSError, "the host's name cannot be resolved"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ClientConnectorError, "cannot connect"),
    ((aiohttp.ServerDisconnectedError, ConnectionError), "the receiver closed the connection without an answer"),
    (aiohttp.ClientResponseError, "the answer is not HTTP"),
)


def _in_words(error: Exception) -> str:
    """Why no answer came, without the URL that the libraries' own sentences carry."""
    cause = getattr(error, "os_error", None)
    if isinstance(cause, AddressNotAllowedError):
        return str(cause.strerror)
    for kind, sentence in SENTENCES:
        if isinstance(error, kind):
            return sentence
    return f"the call failed ({type(error).__name__})"

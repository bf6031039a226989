"""That a write with the session's cookie comes from our own pages (and not from somebody else's)."""

import base64
import hashlib
import hmac

from services.api.addresses import Addresses, Connection
from services.api.errors import Problem
from shared.refusal import Refusal

HEADER = "x-csrf-token"
COOKIE = "keepwatch_csrf"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OURS = {"same-origin", "none"}


def key_of(secret_key: str) -> bytes:
    """The key that binds CSRF tokens to sessions."""
    return hashlib.sha256(b"keepwatch csrf" + secret_key.encode()).digest()


def token_for(key: bytes, session: str) -> str:
    """What a page of this session sends along with a write."""
    return base64.urlsafe_b64encode(hmac.digest(key, session.encode(), "sha256")).decode().rstrip("=")


def matches(key: bytes, session: str, given: str | None) -> bool:
    """Whether this is the session's token."""
    return given is not None and hmac.compare_digest(token_for(key, session).encode(), given.encode())


def check(connection: Connection, addresses: Addresses, key: bytes, session: str) -> None:
    """Raise 403 for a write without the session's token in the header."""
    if connection.scope.get("method") in SAFE_METHODS:
        return
    refuse_foreign(connection, addresses)
    if not matches(key, session, connection.headers.get(HEADER)):
        raise Problem(Refusal.forbidden("A write with the session's cookie needs its token in X-CSRF-Token."))


def refuse_foreign(connection: Connection, addresses: Addresses) -> None:
    """Raise 403 for what a browser says that another site sent.

    Older browsers, and all of them over plain http, say so in `Origin` only; who is no browser says neither.
    """
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    ours = site in OURS if site is not None else origin is None or addresses.are_those_of(connection, origin.lower())
    if not ours:
        raise Problem(Refusal.forbidden("Another site sent this request."))

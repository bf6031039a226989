"""How Keepwatch is reached from outside, and from where a request really came."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from litestar.connection import ASGIConnection

Connection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True)
class Addresses:
    """Links to our own pages; without a public URL, as the client reached us."""

    public_url: str | None

    def base(self, connection: Connection) -> str:
        """Our address without a slash at its end."""
        return (self.public_url or str(connection.base_url)).rstrip("/")

    def alert(self, connection: Connection, alert_id: UUID) -> str:
        """The page of an alert."""
        return f"{self.base(connection)}/alerts/{alert_id}"

    def are_those_of(self, connection: Connection, origin: str) -> bool:
        """Whether a browser's `Origin` is a page of ours: from where this request went to, or from the public URL."""
        try:
            given = urlsplit(origin)
        except ValueError:
            return False
        if self.public_url and (given.scheme, given.netloc) == urlsplit(self.public_url.lower())[:2]:
            return True
        # A proxy may have taken the TLS off; nobody puts it on, so a plain page is none of ours where we speak TLS.
        same_host = given.netloc == connection.headers.get("host", "").lower() != ""
        return same_host and not (encrypted(connection) and given.scheme != "https")

    def login_link(self, connection: Connection, secret: str) -> str:
        """The page that signs in once."""
        return f"{self.base(connection)}/login/link/{secret}"


def encrypted(connection: Connection) -> bool:
    """Whether the client speaks TLS, with us or with a trusted proxy."""
    return connection.scope["scheme"] in {"https", "wss"}


def client_address(connection: Connection) -> str:
    """Where the request comes from; behind a trusted proxy, what that says (uvicorn has put it there)."""
    return connection.client.host if connection.client else "unknown"


def network_of(address: str) -> str:
    """Who is counted as one: an IPv4 address, or the /64 that an IPv6 customer has to choose addresses from."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address  # noqa: PLR2004

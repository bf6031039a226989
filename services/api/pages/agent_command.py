"""What is to be typed on a host so that its agent runs."""

import ipaddress
import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

TOKEN_FILE = "/etc/keepwatch/agent-token"  # noqa: S105  where it goes, not what it is


@dataclass(frozen=True)
class AgentCommand:
    """The steps; `plain` when the agent would refuse this address, since its token could be read on the way."""

    install: str
    keep_token: str
    run: str
    plain: bool


def agent_command(server: str) -> AgentCommand:
    """How to connect an agent to the server at this address."""
    return AgentCommand(
        install="pip install keepwatch",
        keep_token=f"sudo sh -c 'umask 077; mkdir -p /etc/keepwatch; cat > {TOKEN_FILE}'",
        run=f"sudo keepwatch agent --server {shlex.quote(server)} --token-file {TOKEN_FILE}",
        plain=_is_plain(server),
    )


def _is_plain(server: str) -> bool:
    parts = urlsplit(server)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

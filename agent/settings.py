"""What one agent was told by its own command line: the only source of its trust."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from shared.vocabulary import JobKind


class SettingsError(Exception):
    """A setting cannot be used; the text is one sentence for the person who gave it."""


@dataclass(frozen=True)
class Pace:
    """How patient the agent is, in seconds; tests shorten it."""

    ping: float = 20.0
    """A line that does not answer a ping within half of this is dead, whatever TCP believes."""
    tell_again: float = 30.0
    """After which an end state that was not acknowledged is sent once more; the heartbeat looks for such."""
    reconnect: float = 1.0
    reconnect_longest: float = 60.0
    refused: float = 60.0
    """After the server turned the token down, or gave the host's place to another agent."""
    stop_grace: float = 15.0
    """How long a program may take to end by itself before it is killed."""
    repository_answer: float = 60.0
    lock_wait: int = 10
    """How long restic (0.16 and newer) waits for a lock, in whole seconds."""


@dataclass(frozen=True)
class AgentSettings:
    """Validated at construction: an instance can be run with."""

    server: str
    token: str = field(repr=False)
    state_dir: Path
    ca_file: Path | None = None
    insecure: bool = False
    allow_commands: frozenset[str] = frozenset()
    allow_kinds: frozenset[JobKind] = frozenset(JobKind)
    allow_repositories: tuple[str, ...] = ()
    """Prefixes of repository URLs; none means every one but `rclone:`."""
    restic: str = "restic"
    """A program on the agent's PATH, or its absolute path."""
    repositories_dir: Path = Path("/etc/keepwatch/repositories")
    pace: Pace = Pace()

    def __post_init__(self) -> None:
        """Refuse what would be unsafe or could never work.

        Raises:
            SettingsError: with one sentence that names the setting.
        """
        _check_server(self.server, insecure=self.insecure)
        _check_token(self.token)
        for command in sorted(self.allow_commands):
            _check_command(command)
        if self.ca_file is not None and not self.ca_file.is_file():
            raise SettingsError(f"--ca-file: {self.ca_file} is not a file.")


def _check_server(server: str, *, insecure: bool) -> None:
    try:
        parts = urlsplit(server)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(f"--server: {server!r} is not a URL.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise SettingsError("--server: must be a URL like https://keepwatch.example.com.")
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError("--server: must have no user, query or fragment; the token goes by --token-file.")
    if parts.scheme == "http" and not insecure and not _is_loopback(host):
        raise SettingsError(
            f"--server: plain http to {host} would show the token to the network; use https, or --insecure."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_token(token: str) -> None:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError("--token: must be one word of printable ASCII, as the server showed it.")


def _check_command(command: str) -> None:
    if not command.startswith("/") or command != str(Path(command)) or ".." in Path(command).parts:
        raise SettingsError(f"--allow-command: {command!r} is not the absolute path of a program.")

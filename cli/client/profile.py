"""Which server to ask, and with which token: options, then the environment, then the profile `keepwatch up` writes."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import click
from platformdirs import user_config_path

from cli.client.inputs import reason

HOW = "Give --server and --token-file, set KEEPWATCH_SERVER and KEEPWATCH_TOKEN, or start `keepwatch up` here."


@dataclass(frozen=True)
class Access:
    """A server's address, without a slash at the end, a token for it, and its certificate if it is no authority's."""

    server: str
    token: str = field(repr=False)
    certificate: Path | None = None


def profile_path() -> Path:
    """Where `keepwatch up` leaves `{server, token, certificate?}` for the next terminal."""
    return user_config_path("keepwatch") / "profile.json"


def find_access(server: str | None, token_file: Path | None) -> Access:
    """The server and the token to use; a `ClickException` with one sentence when either is unknown."""
    profile = _profile()
    address = _address(server or os.environ.get("KEEPWATCH_SERVER") or (profile.server if profile else ""))
    token = _given_token(token_file)
    # The profile's token is for the profile's server and nobody else's eyes.
    known = profile if profile and profile.server == address else None
    if not token and known:
        token = known.token
    if not token:
        raise click.ClickException(f"There is no token for {address}. {HOW}")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise click.ClickException("The token is malformed: it has spaces, line breaks or letters outside ASCII.")
    return Access(address, token, known.certificate if known else None)


def _address(given: str) -> str:
    if not given:
        raise click.ClickException(f"No server is known. {HOW}")
    try:
        parts = urlsplit(given)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise click.ClickException(
            "The server's address must look like https://keepwatch.example.org or http://127.0.0.1:8480."
        )
    return given.rstrip("/")


def _given_token(token_file: Path | None) -> str:
    if token_file is None and (token := os.environ.get("KEEPWATCH_TOKEN")):
        return token.strip()
    path = token_file or os.environ.get("KEEPWATCH_TOKEN_FILE")
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"Cannot read the token from {path}: {reason(error)}.") from None


def _profile() -> Access | None:
    path = profile_path()
    try:
        text = path.read_text(encoding="utf-8")
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"Cannot read the profile {path}: {reason(error)}.") from None
    if mode & 0o077:
        click.echo(f"Warning: others on this machine may read your token; run: chmod 600 {path}", err=True)
    try:
        held = json.loads(text)
        certificate = Path(held["certificate"]) if held.get("certificate") else None
        return Access(str(held["server"]).rstrip("/"), str(held["token"]), certificate)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise click.ClickException(
            f"The profile {path} is malformed; remove it or start `keepwatch up` again."
        ) from None

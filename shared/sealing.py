"""Secrets at rest: AES-256-GCM under a key derived from `KEEPWATCH_SECRET_KEY`."""

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.db import Connection

VERSION = b"\x01"
NONCE_BYTES = 12


class SealBrokenError(Exception):
    """The bytes were not sealed under this key for this purpose."""


class Sealer:
    """Seals JSON values; `purpose` binds a sealed value to where it is kept, so it cannot be moved elsewhere."""

    def __init__(self, secret_key: str, old_secret_keys: Sequence[str] = ()) -> None:
        self._cipher = _cipher(secret_key)
        self._older = [_cipher(key) for key in old_secret_keys]

    def seal(self, value: Any, purpose: str) -> bytes:
        """The value, unreadable without the key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, json.dumps(value).encode(), purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> Any:
        """The value again, under this key or an old one; SealBrokenError for any other key, and another purpose."""
        nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        for cipher in (self._cipher, *self._older):
            try:
                return json.loads(cipher.decrypt(nonce, text, purpose.encode()))
            except InvalidTag:
                continue
        raise SealBrokenError(f"the secrets of {purpose} were sealed with another KEEPWATCH_SECRET_KEY")


def _cipher(secret_key: str) -> AESGCM:
    # A cipher of its own each: a derivation can be used once.
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"keepwatch secrets at rest")
    return AESGCM(derived.derive(secret_key.encode()))


Place = TypeVar("Place")


@dataclass(frozen=True)
class Drawer(Generic[Place]):
    """Where a service keeps sealed values, so that they can be sealed anew."""

    name: str
    read: Callable[[Connection], Awaitable[list[tuple[Place, bytes]]]]
    """Every place with what is in it."""
    replace: Callable[[Connection, Place, bytes, bytes], Awaitable[None]]
    """Put the new value there, if the old one still is."""
    purpose: Callable[[Place], str]


async def seal_anew(connection: Connection, drawer: Drawer[Place], sealer: Sealer) -> tuple[int, list[str]]:
    """Seal everything in the drawer under the newest key: how many values, and the purposes that no key opens."""
    done, lost = 0, []
    for place, sealed in await drawer.read(connection):
        purpose = drawer.purpose(place)
        try:
            value = sealer.open(sealed, purpose)
        except SealBrokenError:
            lost.append(purpose)
            continue
        await drawer.replace(connection, place, sealed, sealer.seal(value, purpose))
        done += 1
    return done, lost

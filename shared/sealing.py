"""Secrets at rest: AES-256-GCM under a key derived from `KEEPWATCH_SECRET_KEY`."""

import json
import secrets
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = b"\x01"
NONCE_BYTES = 12
MIN_KEY_CHARACTERS = 32


class SealBrokenError(Exception):
    """The bytes were not sealed under this key for this purpose."""


class Sealer:
    """Seals JSON values; `purpose` binds a sealed value to where it is kept, so it cannot be moved elsewhere."""

    def __init__(self, secret_key: str) -> None:
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"keepwatch secrets at rest")
        self._cipher = AESGCM(derived.derive(secret_key.encode()))

    def seal(self, value: Any, purpose: str) -> bytes:
        """The value, unreadable without the key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, json.dumps(value).encode(), purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> Any:
        """The value again; SealBrokenError for another key or purpose."""
        nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return json.loads(self._cipher.decrypt(nonce, text, purpose.encode()))
        except InvalidTag:
            raise SealBrokenError(f"the secrets of {purpose} were sealed with another KEEPWATCH_SECRET_KEY") from None

"""Tokens: shown once, kept as a hash; long and random, so a fast hash is enough."""

import hashlib
import secrets

API_PREFIX = "kw_"
AGENT_PREFIX = "kwa_"


def make(prefix: str) -> str:
    """A new token with 256 bits of randomness."""
    return prefix + secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What is stored of a token, and looked up by."""
    return hashlib.sha256(token.encode()).digest()

"""只闻声不见面: who complained is kept apart and encrypted; what must be recognised again is kept as a fingerprint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra import chance
from infra.ledger.chain import canonical
from infra.settings import settings

_AES_GCM = b"\x01"
"""What a sealed value begins with: AES-256-GCM (NIST SP 800-38D), then 12 bytes of chance, which do for 2^32 values of
one key. Until November 2026 Fernet sealed, in 1.7 times the bytes and five times the time; its begin with ``g``."""
_NONCE = 12


class WrongKey(Exception):
    """The value was sealed with another secret key, or changed since: the operator's to mend, and no letter's fault."""


def sealed(value: dict[str, Any]) -> bytes:
    """``value`` as nobody without the city's secret key can read it."""
    nonce = chance.noise(_NONCE)
    return _AES_GCM + nonce + _cipher(settings().secret).encrypt(nonce, _plain(value), _AES_GCM)


def opened(token: bytes) -> dict[str, Any]:
    """What was sealed. Raises :class:`WrongKey`."""
    try:
        found: dict[str, Any] = json.loads(_plain_of(token, settings().secret))
    except (InvalidTag, InvalidToken, ValueError):
        raise WrongKey(
            "a person's data cannot be read with MINSHENG_SECRET_KEY; was it another when they came?"
        ) from None
    return found


def _plain_of(token: bytes, secret: str) -> bytes:
    if token.startswith(_AES_GCM):
        nonce, rest = token[1 : 1 + _NONCE], token[1 + _NONCE :]
        return _cipher(secret).decrypt(nonce, rest, _AES_GCM)
    return _old_cipher(secret).decrypt(token)


def fingerprint(*content: Any) -> bytes:
    """16 bytes that tell whether two contents are the same; without the secret key nobody can try out guesses."""
    return hmac.digest(settings().secret.encode(), b"fingerprint" + _plain(content), "sha256")[:16]


@lru_cache(maxsize=4)
def _cipher(secret: str) -> AESGCM:
    return AESGCM(hashlib.sha256(f"minsheng.seal.aes-256-gcm.{secret}".encode()).digest())


@lru_cache(maxsize=4)
def _old_cipher(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"minsheng.seal.{secret}".encode()).digest()))


def _plain(value: Any) -> bytes:
    return canonical(value).encode(errors="surrogatepass")

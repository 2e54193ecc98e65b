"""只闻声不见面: who complained is kept apart and encrypted; what must be recognised again is kept as a fingerprint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet

from infra.ledger.chain import canonical
from infra.settings import settings


def sealed(value: dict[str, Any]) -> bytes:
    """``value`` as nobody without the city's secret key can read it."""
    return _cipher(settings().secret).encrypt(_plain(value))


def opened(token: bytes) -> dict[str, Any]:
    """What was sealed. Raises ``InvalidToken`` when the secret key is another one."""
    found: dict[str, Any] = json.loads(_cipher(settings().secret).decrypt(token))
    return found


def fingerprint(*content: Any) -> bytes:
    """16 bytes that tell whether two contents are the same; without the secret key nobody can try out guesses."""
    return hmac.digest(settings().secret.encode(), b"fingerprint" + _plain(content), "sha256")[:16]


@lru_cache(maxsize=4)
def _cipher(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"minsheng.seal.{secret}".encode()).digest()))


def _plain(value: Any) -> bytes:
    return canonical(value).encode(errors="surrogatepass")

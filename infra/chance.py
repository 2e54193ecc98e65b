"""Numbers do not reveal counts: the only source of chance in the product."""

from __future__ import annotations

import random
import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Digits and capitals that nobody confuses on the telephone: no 0/O, 1/I/L, U."""


def letters(count: int) -> str:
    """``count`` characters of :data:`ALPHABET`, unpredictable."""
    drawn, found = secrets.randbelow(len(ALPHABET) ** count), ""
    for _ in range(count):
        drawn, place = divmod(drawn, len(ALPHABET))
        found += ALPHABET[place]
    return found


def token() -> str:
    """128 bits of chance as URL-safe text."""
    return secrets.token_urlsafe(16)


def noise(count: int) -> bytes:
    """``count`` unpredictable bytes."""
    return secrets.token_bytes(count)


def jitter(seconds: float, spread: float = 0.3) -> float:
    """``seconds`` varied by up to ``spread`` (a share) either way, so that repeats do not march in step."""
    return seconds * random.uniform(1 - spread, 1 + spread)  # noqa: S311 -- spreads load, guards nothing


def stream(seed: str) -> random.Random:
    """Repeatable chance for a simulation: the same text gives the same stream, on every machine."""
    return random.Random(seed)  # noqa: S311 -- to be repeatable is what it is for; it guards nothing

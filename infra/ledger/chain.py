"""The ledger can be trusted: every entry carries the hash of the one before, so a change shows."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC

from rules.case import Entry

canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
"""One spelling of a content, whoever writes it down."""
GENESIS = bytes(32)
"""What the first entry of every case follows."""


def link(previous: bytes, number: str, seq: int, entry: Entry) -> bytes:
    """32 bytes: SHA-256 over the previous hash and everything the entry says."""
    return hashlib.sha256(previous + spelled(number, seq, entry).encode()).digest()


def spelled(number: str, seq: int, entry: Entry) -> str:
    """Everything the entry says, in one canonical spelling."""
    said = [number, seq, entry.kind, entry.at.astimezone(UTC).isoformat(), entry.actor, entry.data]
    return canonical(said)

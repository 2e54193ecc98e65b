"""有意见随时提: without a mail server no letter may vanish either; each caught mail is one file in a folder."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from infra.moment import wall

_ENVELOPE_FROM, _ENVELOPE_TO = "X-Envelope-From", "X-Envelope-To"
_FILE = re.compile(r"(\d+)\.eml")
_PARSED = 4096
"""So many mails are kept read; older ones are read again from their file."""


@dataclass(frozen=True, slots=True)
class Caught:
    """One mail, decoded. ``sender`` and ``to`` are bare addresses of the envelope; ``date`` is aware."""

    id: int
    sender: str
    to: tuple[str, ...]
    name: str
    subject: str
    date: datetime
    headers: dict[str, str]
    text: str
    html: str

    @property
    def number(self) -> str:
        return self.headers.get("X-Minsheng-Number", "")

    def plain(self) -> dict[str, Any]:
        """As programs read it (design.md, section 7)."""
        return {
            "id": self.id,
            "from": self.sender,
            "to": ", ".join(self.to),
            "subject": self.subject,
            "date": self.date.isoformat(),
            "headers": self.headers,
            "text": self.text,
            "html": self.html,
        }

    def is_about(self, words: str) -> bool:
        """Whether every word occurs in recipient, subject or number."""
        seen = " ".join([*self.to, self.name, self.subject, self.number]).casefold()
        return all(word in seen for word in words.casefold().split())


class Mailbox:
    """Mails as ``.eml`` files with growing numbers; a restart loses nothing. Usable from several threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ids = sorted(int(m[1]) for p in folder.iterdir() if (m := _FILE.fullmatch(p.name)))
        self._turn = threading.Lock()
        self._read = lru_cache(maxsize=_PARSED)(self._parse)

    def keep(self, sender: str, to: Sequence[str], content: bytes) -> int:
        """Store one mail and return its id; the file appears whole or not at all."""
        head = f"{_ENVELOPE_FROM}: {_one_line(sender)}\r\n{_ENVELOPE_TO}: {_one_line(', '.join(to))}\r\n"
        with self._turn:
            id = (self._ids[-1] if self._ids else 0) + 1
            draft = self._folder / f"{id:08}.new"
            draft.write_bytes(head.encode() + content)
            draft.rename(self._path(id))
            self._ids.append(id)
        return id

    def mails(self, since: int = 0) -> Iterator[Caught]:
        """Every mail after ``since``, oldest first."""
        return (self._read(id) for id in self._ids[bisect_right(self._ids, since) :])

    def newest(self, words: str, limit: int) -> list[Caught]:
        """Up to ``limit`` mails about ``words``, newest first."""
        found: list[Caught] = []
        for id in reversed(self._ids):
            if len(found) == limit:
                break
            if (mail := self._read(id)).is_about(words):
                found.append(mail)
        return found

    def mail(self, id: int) -> Caught | None:
        return self._read(id) if id in self._ids else None

    def __len__(self) -> int:
        return len(self._ids)

    def _path(self, id: int) -> Path:
        return self._folder / f"{id:08}.eml"

    def _parse(self, id: int) -> Caught:
        path = self._path(id)
        return read(id, path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime, UTC))


def read(id: int, content: bytes, received_at: datetime | None = None) -> Caught:
    """A mail as it was sent, decoded; broken parts are shown as far as they can be read."""
    mail = message_from_bytes(content)  # not with today's policy: it takes a header apart as far as to each comment
    headers = _headers(mail)
    sender, to = headers.pop(_ENVELOPE_FROM, ""), headers.pop(_ENVELOPE_TO, "")
    return Caught(
        id=id,
        sender=sender,
        to=tuple(filter(None, to.split(", "))),
        name=parseaddr(headers.get("To", ""))[0],
        subject=headers.get("Subject", ""),
        date=_date(headers) or received_at or wall(),
        headers=headers,
        text=_body(mail, "text/plain"),
        html=_body(mail, "text/html"),
    )


def _headers(mail: Message) -> dict[str, str]:
    """Decoded headers; a repeated one is shown with its first value."""
    found: dict[str, str] = {}
    for name, value in mail.raw_items():
        if name not in found:
            found[name] = _one_line(_decoded(str(value)))
    return found


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value))) if "=?" in value else value
    except (HeaderParseError, LookupError, UnicodeError):
        return value


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        said = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return None
    return said.astimezone(UTC) if said.tzinfo else None


def _body(mail: Message, kind: str) -> str:
    for part in mail.walk():
        if part.get_content_type() == kind and part.get_content_disposition() != "attachment":
            content = part.get_payload(decode=True)
            try:
                return bytes(content).decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n")
            except LookupError as fault:  # an encoding that nobody knows
                return f"({fault})"
    return ""


def _one_line(text: str) -> str:
    """Without line breaks, and readable: headers in bare UTF-8 arrive as escaped bytes."""
    return " ".join(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())

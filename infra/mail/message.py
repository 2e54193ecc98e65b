"""及时反馈: the mail around a letter. A repeat is recognisable, a case is one thread, and no machine answers it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, quote

from infra.ledger import Letter
from infra.mail.letters import Composed
from infra.moment import wall
from rules.case import Entry

_LINE_BREAK = re.compile(r"[\r\n]")
_BETWEEN = "=_minsheng"
"""Between the parts of a mail. They are written in base64, in which "=_" cannot occur (RFC 2045, 6.7), so nobody has to
look whether it does, as the package would: a sixth of what it costs to write a mail down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """From whom and to whom: bare addresses, names beside them; ``reply_to`` is where a person reads answers."""

    sender: str
    to: str
    to_name: str = ""
    reply_to: str = ""


def message(composed: Composed, letter: Letter, envelope: Envelope, *, root: str = "") -> Message:
    """The mail; ``root`` is the id of the thread's first mail. Raises :class:`ValueError` for an impossible address.

    Written in the older classes of the ``email`` package: the newer ones take every header apart that they are given,
    and were a tenth of what a whole life cost the worker.
    """
    mail = MIMEMultipart("alternative", boundary=_BETWEEN)
    mail["From"] = _address(envelope.sender, "民声 Minsheng")
    mail["To"] = _address(envelope.to, envelope.to_name)
    if envelope.reply_to:
        mail["Reply-To"] = _address(envelope.reply_to)
    mail["Subject"] = _words(composed.subject)
    mail["Date"] = format_datetime(wall())
    mail["Message-ID"] = own = message_id(letter.key, envelope.sender)
    if root not in ("", own):
        mail["In-Reply-To"] = mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Minsheng-Number"] = letter.number
    mail["X-Minsheng-Letter"] = letter.letter
    for kind, content in (("plain", composed.text), ("html", composed.html)):
        mail.attach(MIMEText(content.replace("\n", "\r\n"), kind, "utf-8"))
    return mail


def message_id(key: str, sender: str) -> str:
    """The same for every attempt to send the letter named ``key``."""
    return f"<{key}@{sender.rpartition('@')[2]}>"


def thread_root(letter: Letter, entries: Sequence[Entry], sender: str) -> str:
    """The id of the first letter of this case to the same recipient."""
    for seq, entry in enumerate(entries, 1):
        for nth, written in enumerate(entry.data.get("letters", ())):
            if written["to"] == letter.to:
                return message_id(f"{letter.number}.{seq}.{nth}", sender)
    return ""


def _address(address: str, name: str = "") -> str:
    """An address that can stand in an envelope; a citizen may have typed anything."""
    local, _, domain = address.strip().rpartition("@")
    if not (local and domain) or any(c.isspace() or c in '<>,;:\\"@' for c in f"{local}{domain}"):
        raise ValueError(f"'{address[:80]}' is not a mail address")
    bare = f"{local}@{domain}".encode().decode("ascii", "surrogateescape")  # goes out as UTF-8 (RFC 6532)
    said = f'"{quote(_words(name))}"' if name.isascii() else _words(name)
    return f"{said} <{bare}>" if name else bare


def _words(text: str) -> str:
    """One line of a header; what is not ASCII, or could be taken for such, is wrapped (RFC 2047)."""
    if _LINE_BREAK.search(text):
        raise ValueError(f"'{text[:80]}' is not one line")
    if text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name="Reply-To").encode()  # room for the longest name before it

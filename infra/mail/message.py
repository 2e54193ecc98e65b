"""及时反馈: the mail around a letter. A repeat is recognisable, a case is one thread, and no machine answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from infra.ledger import Letter
from infra.mail.letters import Composed
from infra.moment import wall
from rules.case import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """From whom and to whom: bare addresses, names beside them; ``reply_to`` is where a person reads answers."""

    sender: str
    to: str
    to_name: str = ""
    reply_to: str = ""


def message(composed: Composed, letter: Letter, envelope: Envelope, *, root: str = "") -> EmailMessage:
    """The mail; ``root`` is the id of the thread's first mail. Raises :class:`ValueError` for an impossible address."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(envelope.sender, "民声 Minsheng")
    mail["To"] = _address(envelope.to, envelope.to_name)
    if envelope.reply_to:
        mail["Reply-To"] = _address(envelope.reply_to)
    mail["Subject"] = composed.subject
    mail["Date"] = wall()
    mail["Message-ID"] = own = message_id(letter.key, envelope.sender)
    if root not in ("", own):
        mail["In-Reply-To"] = mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Minsheng-Number"] = letter.number
    mail["X-Minsheng-Letter"] = letter.letter
    mail.set_content(composed.text)
    mail.add_alternative(composed.html, subtype="html")
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


def _address(address: str, name: str = "") -> Address:
    """An address that can stand in an envelope; a citizen may have typed anything."""
    local, _, domain = address.strip().rpartition("@")
    if not (local and domain) or any(c.isspace() or c in '<>,;:\\"@' for c in f"{local}{domain}"):
        raise ValueError(f"'{address[:80]}' is not a mail address")
    return Address(name, username=local, domain=domain)  # parts, because a whole one may not be in Chinese letters

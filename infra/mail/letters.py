"""A letter is a folder of three files: subject, text and HTML; plain values in, three parts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from infra.locale import environment
from infra.moment import wall


@dataclass(frozen=True, slots=True)
class Composed:
    """The three parts of a letter; the subject is one line."""

    subject: str
    text: str
    html: str


def compose(letter: str, *, locale: str, values: Mapping[str, Any]) -> Composed:
    """Raises ``jinja2.TemplateError`` when the letter does not exist or asks for a value it was not given."""
    templates = environment(locale)
    subject, text, html = (
        templates.get_template(f"mail/{letter}/{part}").render(values) for part in ("subject.txt", "body.txt", "body.html")
    )
    return Composed(" ".join(subject.split()), text.strip() + "\n", html)


def message(composed: Composed, *, sender: str, to: str, key: str, thread: str, number: str) -> EmailMessage:
    """The mail. ``key`` names the letter for ever (a repeat is recognisable), ``thread`` the case and its recipient."""
    domain = sender.rpartition("@")[2]
    made = EmailMessage(policy=SMTP)
    made["From"] = Address("民声 Minsheng", addr_spec=sender)
    made["To"] = to
    made["Subject"] = composed.subject
    made["Date"] = format_datetime(wall())
    made["Message-ID"] = f"<{key}@{domain}>"
    made["References"] = made["In-Reply-To"] = f"<{thread}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made["X-Minsheng-Number"] = number
    made.set_content(composed.text)
    made.add_alternative(composed.html, subtype="html")
    return made

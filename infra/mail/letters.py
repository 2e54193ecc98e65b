"""限时反馈: a letter is a folder of three files, subject, text and HTML; plain values in, three parts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.locale import environment
from infra.settings import TEMPLATES

FOLDER = TEMPLATES / "mail"
PARTS = ("subject.txt", "body.txt", "body.html")


@dataclass(frozen=True, slots=True)
class Composed:
    """The three parts of a letter; the subject is one line."""

    subject: str
    text: str
    html: str


def names() -> list[str]:
    """Every letter there is."""
    return sorted(p.name for p in FOLDER.iterdir() if p.is_dir())


def compose(letter: str, *, locale: str, values: Mapping[str, Any]) -> Composed:
    """Raises ``jinja2.TemplateError`` when the letter does not exist or asks for a value it was not given."""
    templates = environment(locale)
    subject, text, html = (templates.get_template(f"mail/{letter}/{part}").render(values) for part in PARTS)
    return Composed(" ".join(subject.split()), text.strip() + "\n", html)

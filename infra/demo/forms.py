"""只闻声不见面: a page has forms; this reads them as a browser would, so that a script can fill them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass(slots=True)
class Form:
    """One form of a page; ``values`` are what the page filled in already, hidden fields included."""

    name: str
    target: str
    values: dict[str, str] = field(default_factory=dict)


def forms_of(page: str) -> dict[str, Form]:
    """The forms of a page by their ``data-action``."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return {form.name: form for form in reader.forms if form.name}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("data-action", ""), given.get("action", ""))
            self.forms.append(self._form)
        elif self._form is not None and tag == "input":
            self._input(self._form, given)
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._form is not None and self._select and "selected" in given:
            self._form.values[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""

    def _input(self, form: Form, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        ticked = kind not in ("checkbox", "radio") or "checked" in given
        if given.get("name") and ticked and kind not in ("submit", "button", "file"):
            form.values[given["name"]] = given.get("value", "")

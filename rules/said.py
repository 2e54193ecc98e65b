"""向群众解释 begins with the city's own people: a sentence that knows how it was made, so that others can translate it.

The rules speak English; whoever shows a sentence in another language looks up its message id and fills in the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Said(str):
    """An English sentence. ``id`` is the message id with ``%(name)s`` places, ``values`` fill it: texts, other
    sentences, or lists of words of which one was meant."""

    id: str
    values: Mapping[str, Any]

    def __new__(cls, text: str, id: str = "", values: Mapping[str, Any] | None = None) -> Said:
        made = super().__new__(cls, text)
        made.id, made.values = id or text, values or {}
        return made

    def again(self, translate: Callable[[str], str]) -> str:
        """The sentence in the language that ``translate`` puts message ids into."""
        if not self.id:
            return ""
        return _filled(translate(self.id), {name: _again(value, translate) for name, value in self.values.items()})


def said(id: str, /, **values: Any) -> Said:
    """The sentence of a message id."""
    return Said(_filled(id, {name: _again(value, str) for name, value in values.items()}), id, values)


def told_by(wrong: Exception) -> Said:
    """What an error says; its own words when it was not made with :func:`said`."""
    words = wrong.args[0] if wrong.args else ""
    return words if isinstance(words, Said) else Said(str(wrong))


def noted(id: str) -> str:
    """A message id that is filled in elsewhere; catalogues are made from what stands here."""
    return id


NOTHING = Said("")
LAST = noted(" or ")
"""Between two of several words that may have been meant."""


def _filled(id: str, values: Mapping[str, Any]) -> str:
    return id % values if values else id


def _again(value: Any, translate: Callable[[str], str]) -> Any:
    if isinstance(value, Said):
        return value.again(translate)
    return translate(LAST).join(map(str, value)) if isinstance(value, list) else value

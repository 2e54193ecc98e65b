"""全面梳理: the dated tree of what people complain about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated

from pydantic import Field

from rules.departments import SEPARATOR, Code, Words
from rules.records import read_record, whole
from rules.tenure import Dated, Record, Text


class Category(Dated):
    """事项分类: a node of the N-level tree; ``code`` is its path."""

    code: str
    label: Words
    leaf: bool

    @property
    def path(self) -> tuple[str, ...]:
        """Codes from the root down to this node."""
        steps = self.code.split(SEPARATOR)
        return tuple(SEPARATOR.join(steps[: n + 1]) for n in range(len(steps)))

    @property
    def parent(self) -> str | None:
        return self.code.rpartition(SEPARATOR)[0] or None


_STEPS = re.compile(r"\s*[/>›＞→|]\s*")


class Names:
    """Every way to name a matter: its code, the end of its code, its label, a path of labels."""

    def __init__(self, categories: Mapping[str, Category]) -> None:
        names: dict[str, str | None] = {}
        for code, node in categories.items():
            steps = code.split(SEPARATOR)
            ends = (SEPARATOR.join(steps[n:]) for n in range(1, len(steps)))
            names |= {way: None if way in names else code for way in {*ends, *map(str.casefold, node.label.values())}}
        for code, node in categories.items():
            for language in node.label:
                names[SEPARATOR.join(categories[c].label[language].casefold() for c in node.path)] = code
        self._codes = names | {code: code for code in categories}

    def find(self, text: str) -> str | None:
        """The matter that a text names; ``None`` when none or several fit."""
        known = self._codes.get(text)
        return known or self._codes.get(SEPARATOR.join(_STEPS.split(text.strip().casefold())))


class _Node(Dated):
    zh: Text
    en: Text
    below: Mapping[Code, _Node] = {}


class _Tree(Record):
    """``valid_from`` says since when the city sorts by this tree; before that, its first matters count."""

    valid_from: date
    categories: Annotated[Mapping[Code, _Node], Field(min_length=1)]


def read_categories(text: str, file: str) -> dict[str, Category]:
    """Code -> node of the tree, parents before children. Raises :class:`RulebookFaults`."""
    tree, faults = read_record(_Tree, text, file)
    return whole({c.code: c for c in _nodes(tree.categories, "", Dated())}, faults)


def _nodes(below: Mapping[str, _Node], above: str, parent: Dated) -> Iterator[Category]:
    """What is below a matter begins, ends and is merged with it, unless it says so itself."""
    for step, node in below.items():
        code = f"{above}{SEPARATOR}{step}" if above else step
        days = {name: getattr(node, name) or getattr(parent, name) for name in Dated.model_fields}
        own = Category(code=code, label={"zh": node.zh, "en": node.en}, leaf=not node.below, **days)
        yield own
        yield from _nodes(node.below, code, own)

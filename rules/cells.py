"""A table is something a clerk can edit: what the cells of a decision table mean, and what is wrong with them.

An input cell is blank (any), words separated by commas (any of them), or a zen-engine unary test such as ``> 3``. The
ending of a column's name says how words match: none, the very word; ``category/``, that node of a tree and everything
below it; ``text~``, anywhere inside the text, where ``夜间+施工`` wants both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import zen

from rules.said import Said, noted, said

BELOW, INSIDE = "/", "~"
"""Endings of column names."""

_WIDE = str.maketrans({"＞": ">", "＜": "<", "＝": "=", "≥": ">=", "≤": "<=", "“": '"', "”": '"', "，": ","})
"""What a Chinese keyboard writes for the signs of a test."""
_COMMA = re.compile(r"\s*[,、，]\s*")
_WORD = re.compile(r"[^\s\"'<>=!\[\]()$,、，;；\\]+(?: [^\s\"'<>=!\[\]()$,、，;；\\]+)*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_TEST = re.compile(r"^\s*[><=!\[(\]]|\$")
_NOT_LATIN = re.compile(r"[^a-z0-9]+")
_STRANGE = noted("'%(cell)s' is not understood; write words separated by commas, or a test such as > 3 or [1..5]")
_SAMPLES: tuple[Any, ...] = ("", "a", 5)


@dataclass(frozen=True, slots=True)
class Column:
    """An input column: ``name`` as in the header, ``field`` without its ending. ``words`` of an ``INSIDE`` column are
    what its cells look for, with the parts of each, by first letter."""

    name: str
    field: str
    ending: str
    words: Mapping[str, Sequence[tuple[str, Sequence[str]]]]

    @classmethod
    def of(cls, name: str, cells: Sequence[str]) -> Column:
        ending = name[-1:] if name[-1:] in (BELOW, INSIDE) else ""
        words: dict[str, list[tuple[str, Sequence[str]]]] = {}
        for word in {w.casefold(): None for cell in cells for w in words_of(cell) or () if ending == INSIDE}:
            words.setdefault(word[0], []).append((word, [sought(part) for part in word.split("+")]))
        return cls(name, name.removesuffix(ending), ending, words)

    def fact(self, value: Any) -> Any:
        """What the table sees of ``value``: of a text only the words its cells look for, so that answers can be
        remembered. Both parts of ``夜间+施工`` are looked for here, because zen-engine lets ``and`` and ``or`` bind
        alike, and a unary test cannot carry brackets."""
        if value is None:
            return ""
        return value if self.ending != INSIDE else "\n".join(sorted(self._inside(value.casefold())))

    def _inside(self, text: str) -> Iterator[str]:
        text = f"{text}\n {_NOT_LATIN.sub(' ', text)} "
        for letter in self.words.keys() & set(text):
            for word, parts in self.words[letter]:
                if parts[0] in text and all(part in text for part in parts[1:]):
                    yield word


def is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None


def sought(part: str) -> str:
    """Latin words count as whole words only: there is no dust in industry."""
    return f" {part} " if part.isascii() else part


def words_of(cell: str) -> list[str] | None:
    """The words of a cell (quotes are allowed around each), or ``None`` when the cell is blank or a test."""
    words = [word.strip('"') for word in _COMMA.split(cell.strip().translate(_WIDE))]
    return words if all(_WORD.fullmatch(word) for word in words) else None


def test_of(column: Column, cell: str) -> str:
    """The unary test of zen-engine that a cell stands for; blank stands for any."""
    words = words_of(cell)
    if words is None:
        return cell.translate(_WIDE)
    if column.ending == BELOW:
        return " or ".join(f'$ == "{word}" or startsWith($, "{word}/")' for word in words)
    if column.ending == INSIDE:
        return " or ".join(f'contains($, "{word.casefold()}")' for word in words)
    return ", ".join(word if is_number(word) else f'"{word}"' for word in words)


def fault_of(column: Column, cell: str) -> Said | None:
    """What is wrong with a cell: zen-engine itself skips a row with a broken cell in silence."""
    words = words_of(cell)
    if words is None and cell.strip():
        if column.ending:
            return said("'%(cell)s' is not understood; this column takes words separated by commas", cell=cell)
        if not _TEST.search(cell.translate(_WIDE)):
            return said(_STRANGE, cell=cell)
    if column.ending == INSIDE and any(not part for word in words or () for part in word.split("+")):
        return said("'%(cell)s' has a + with nothing beside it", cell=cell)
    return _broken(test_of(column, cell))


def _broken(test: str) -> Said | None:
    if not test.strip():
        return None
    try:
        compiled = zen.compile_unary_expression(test)
    except (RuntimeError, ValueError) as wrong:
        broken = noted("'%(test)s' cannot be read (%(why)s); write words, or a test such as > 3, <= 2 or [1..5]")
        return said(broken, test=test, why=_plain(wrong))
    if all(isinstance(_try(compiled, sample), Exception) for sample in _SAMPLES):
        return said("'%(test)s' can never be true; look at its names and brackets", test=test)
    return None


def _try(compiled: Any, sample: Any) -> Any:
    try:
        return compiled.evaluate({"$": sample})
    except RuntimeError as wrong:
        return wrong


def _plain(wrong: Exception) -> str:
    """zen-engine's own words about a cell, without the JSON around them and the stack trace below."""
    first = str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
    try:
        return str(json.loads(first)["source"])
    except (ValueError, KeyError):
        return first


def decision(rows: Sequence[tuple[int, Mapping[str, str]]], columns: Sequence[Column], *, collect: bool) -> Any:
    """A zen-engine decision whose only output is the number of the row; the cells are read from the row itself.

    ``rows``: the number and the cells of each.
    """
    table = {
        "hitPolicy": "collect" if collect else "first",
        "inputs": [{"id": f"i{n}", "name": column.name, "field": column.field} for n, column in enumerate(columns)],
        "outputs": [{"id": "o", "name": "row", "field": "row"}],
        "rules": [dict(_rule(row, number, columns)) for number, row in rows],
    }
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in"},
        {"id": "table", "type": "decisionTableNode", "name": "table", "content": table},
        {"id": "out", "type": "outputNode", "name": "out"},
    ]
    edges = [{"id": "1", "sourceId": "in", "targetId": "table"}, {"id": "2", "sourceId": "table", "targetId": "out"}]
    return zen.ZenEngine().create_decision(json.dumps({"nodes": nodes, "edges": edges}))


def _rule(row: Mapping[str, str], number: int, columns: Sequence[Column]) -> Iterator[tuple[str, str]]:
    yield "_id", row["id"]
    yield "o", str(number)
    for n, column in enumerate(columns):
        yield f"i{n}", test_of(column, row[column.name])

"""A table is something a clerk can edit: whether one row takes everything that another row would take."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import cached_property

import zen

from rules.cells import BELOW, INSIDE, Column, is_number, sought, test_of, words_of
from rules.tables import Row


class Cover:
    """Compares the cells of one input column; in doubt no cell covers another."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._words: dict[str, Sequence[str] | None] = {}
        self._wider: dict[str, Set[str]] = {}

    def __call__(self, wide: Row, narrow: Row) -> bool:
        """Whether every fact that fits ``narrow`` fits ``wide`` too."""
        one, other = wide.cells[self._column.name], narrow.cells[self._column.name]
        if not one or one == other:
            return True
        words = self._words_of(other)
        if not words:
            return False
        takes = self._words_of(one)
        if takes is None:
            return not self._column.ending and all(_fits(test_of(self._column, one), word) for word in words)
        return all(not self.wider(word).isdisjoint(takes) for word in words)

    def wider(self, word: str) -> Set[str]:
        """Words of this column that fit whenever ``word`` does: itself, nodes above it, words found within it."""
        if word not in self._wider:
            self._wider[word] = frozenset(self._found(word))
        return self._wider[word]

    def _found(self, word: str) -> Sequence[str]:
        if self._column.ending == BELOW:
            steps = word.split(BELOW)
            return [BELOW.join(steps[: n + 1]) for n in range(len(steps))]
        if self._column.ending != INSIDE:
            return [word]
        inner = [sought(part) for part in word.split("+")]
        return [w for w, parts in self._sought if all(any(part in one for one in inner) for part in parts)]

    @cached_property
    def _sought(self) -> Sequence[tuple[str, Sequence[str]]]:
        return [one for several in self._column.words.values() for one in several]

    def _words_of(self, cell: str) -> Sequence[str] | None:
        if cell not in self._words:
            words = words_of(cell)
            self._words[cell] = [w.casefold() for w in words] if words and self._column.ending == INSIDE else words
        return self._words[cell]


def _fits(test: str, word: str) -> bool:
    """Whether a test such as ``<= 2`` is true of a number."""
    try:
        return is_number(word) and bool(zen.evaluate_unary_expression(test, {"$": float(word)}))
    except (RuntimeError, ValueError):
        return False

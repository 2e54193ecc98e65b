"""Every decision can be explained: a decision table is rows a clerk can edit, and the row that fired is kept.

``rules.table_text`` reads one from lines of cells, ``rules.cells`` says what its cells mean.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from rules.calendar import city_day
from rules.cells import Column, decision

MEMO_LIMIT = 20_000
"""Remembered answers per table; the inputs are few and discrete, so a healthy rulebook never reaches this."""
OUTPUT = "->"
ID, CLAUSE, VALID_FROM, VALID_UNTIL = "id", "clause", "valid_from", "valid_until"
ALWAYS = (date.min.toordinal(), date.max.toordinal())


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its id, its line in the file (from 1), its cells by field name as written, its first and last day
    (ordinals)."""

    id: str
    line: int
    cells: Mapping[str, str]
    valid: tuple[int, int] = ALWAYS

    @property
    def clause(self) -> str:
        return self.cells.get(CLAUSE, "")


@dataclass(frozen=True)
class Table:
    """A decision table, ready to be asked. ``collect``: all rows that match count, else the first."""

    name: str
    collect: bool
    columns: Sequence[Column]
    outputs: Sequence[str]
    rows: Sequence[Row]
    turns: Sequence[int] = ()
    """The days (ordinals) on which a row begins or has ended; between two of them nothing changes."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Column, as in the header without ``->`` -> what the second header row calls it."""
    _decisions: dict[int, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    _memo: dict[tuple[Any, ...], tuple[Row, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def match(self, at: datetime | None = None, /, **facts: Any) -> tuple[Row, ...]:
        """The rows that fire for ``facts`` (names of inputs without their endings), in the order of the table.

        ``at``: the moment the decision is made for; without one the dates of the rows are not looked at.
        """
        key: tuple[Any, ...] = tuple([column.fact(facts.get(column.field)) for column in self.columns])
        if self.turns:
            key = (*key, spell(self.turns, at))
        found = self._memo.get(key)
        if found is None:
            if len(self._memo) >= MEMO_LIMIT:
                self._memo.clear()
            found = self._memo[key] = self._ask(key)
        return found

    def first(self, at: datetime | None = None, /, **facts: Any) -> Row | None:
        """The first row that fires, or ``None``."""
        rows = self.match(at, **facts)
        return rows[0] if rows else None

    def row(self, id: str) -> Row | None:
        """The row of that name."""
        return next((row for row in self.rows if row.id == id), None)

    def valid_in(self, nth: int) -> list[tuple[int, Row]]:
        """Numbers and rows that are valid in the ``nth`` spell; in spell 0 all of them."""
        if not (self.turns and nth):
            return list(enumerate(self.rows))
        day = self.turns[nth - 2] if nth > 1 else self.turns[0] - 1
        return [(n, row) for n, row in enumerate(self.rows) if row.valid[0] <= day <= row.valid[1]]

    def _ask(self, key: tuple[Any, ...]) -> tuple[Row, ...]:
        nth = key[-1] if self.turns else 0
        if nth not in self._decisions:  # a row that is not valid must not stand in another's way
            cells = [(n, row.cells) for n, row in self.valid_in(nth)]
            self._decisions[nth] = decision(cells, self.columns, collect=self.collect)
        facts = {column.field: value for column, value in zip(self.columns, key, strict=False)}
        result = self._decisions[nth].evaluate(facts)["result"]
        fired = result if isinstance(result, list) else [result]
        return tuple(self.rows[hit["row"]] for hit in fired if "row" in hit)


def spell(turns: Sequence[int], at: datetime | None) -> int:
    """Which stretch between two ``turns`` the city's day at ``at`` lies in, from 1; 0 without a moment."""
    return 0 if at is None else bisect_right(turns, city_day(at)) + 1

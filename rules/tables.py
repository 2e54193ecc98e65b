"""Every decision can be explained: a decision table is rows a clerk can edit, and the row that fired is kept.

A table has two header rows, the field name and the Chinese label. The first column ``id`` names the row, ``clause``
quotes the policy, ``->name`` is an output, every other column is an input (``rules.cells`` says what its cells mean).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.cells import Column, decision, fault_of
from rules.faults import Fault, RulebookFaults

MEMO_LIMIT = 20_000
"""Remembered answers per table; the inputs are few and discrete, so a healthy rulebook never reaches this."""
OUTPUT = "->"
_NOT_INPUTS = ("id", "clause")
_SHORT = "a table needs two header rows (field name, Chinese label), a first column 'id' and at least one row"

Lines = Iterable[tuple[int, Sequence[str]]]
"""Line number (from 1) and cells, of a CSV text or of a sheet."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its id, its line in the file (from 1), its cells by field name as written."""

    id: str
    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A decision table, ready to be asked. ``collect``: all rows that match count, else the first."""

    name: str
    collect: bool
    columns: Sequence[Column]
    outputs: Sequence[str]
    rows: Sequence[Row]
    _decision: Any = field(repr=False, compare=False)
    _memo: dict[tuple[Any, ...], tuple[Row, ...]] = field(default_factory=dict, repr=False, compare=False)

    def match(self, **facts: Any) -> tuple[Row, ...]:
        """The rows that fire for ``facts`` (names of inputs without their endings), in the order of the table."""
        key = tuple([column.fact(facts.get(column.field)) for column in self.columns])
        found = self._memo.get(key)
        if found is None:
            if len(self._memo) >= MEMO_LIMIT:
                self._memo.clear()
            found = self._memo[key] = self._ask(key)
        return found

    def first(self, **facts: Any) -> Row | None:
        """The first row that fires, or ``None``."""
        rows = self.match(**facts)
        return rows[0] if rows else None

    def _ask(self, key: tuple[Any, ...]) -> tuple[Row, ...]:
        facts = {column.field: value for column, value in zip(self.columns, key, strict=True)}
        result = self._decision.evaluate(facts)["result"]
        fired = result if isinstance(result, list) else [result]
        return tuple(self.rows[hit["row"]] for hit in fired if "row" in hit)


def read_table(text: str, file: str, *, collect: bool = False) -> Table:
    """A table from CSV. Raises :class:`RulebookFaults` naming every broken cell."""
    return table_of(csv_lines(text, file), file, collect=collect)


def table_of(lines: Lines, file: str, *, collect: bool = False) -> Table:
    """A table from lines of cells, wherever they come from. Raises :class:`RulebookFaults`."""
    table, faults = examine(lines, file, collect=collect)
    if faults:
        raise RulebookFaults(faults)
    return table


def examine(lines: Lines, file: str, *, collect: bool = False) -> tuple[Table, list[Fault]]:
    """A table and the faults of its cells: with faults it may be looked at, but not asked.

    Raises :class:`RulebookFaults` for what is no table at all.
    """
    (_, names), *below = [*lines] or [(1, [])]
    if len(below) < 2 or not names or names[0] != "id":
        raise RulebookFaults([Fault(file, 1, "id", _SHORT)])
    body = [(number, cells) for number, cells in below[1:] if any(cell.strip() for cell in cells)]
    if faults := [*_header_faults(names, file), *_shape_faults(names, [below[0], *body], file)]:
        raise RulebookFaults(faults)
    rows = [_row(names, cells, number) for number, cells in body]
    columns = [Column.of(n, [row.cells[n] for row in rows]) for n in names if _is_input(n)]
    outputs = [name.removeprefix(OUTPUT) for name in names if name.startswith(OUTPUT)]
    ready = decision([row.cells for row in rows], columns, collect=collect)
    faults = [*_row_faults(rows, columns, file), *([] if collect else _order_faults(rows, columns, file))]
    return Table(file.rpartition(".")[0], collect, columns, outputs, rows, ready), faults


def csv_lines(text: str, file: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Lines of a CSV text. Raises :class:`RulebookFaults`."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        number = 1
        for cells in reader:
            yield number, cells
            number = reader.line_num + 1
    except csv.Error as wrong:
        raise RulebookFaults([Fault(file, reader.line_num, "", f"is not readable as CSV: {wrong}")]) from None


def _is_input(name: str) -> bool:
    return name not in _NOT_INPUTS and not name.startswith(OUTPUT)


def _row(names: Sequence[str], cells: Sequence[str], line: int) -> Row:
    named = {name.removeprefix(OUTPUT): cell.strip() for name, cell in zip(names, cells, strict=True)}
    return Row(named["id"], line, named)


def _header_faults(names: Sequence[str], file: str) -> Iterator[Fault]:
    fields = [name.removeprefix(OUTPUT) for name in names]
    for name in dict.fromkeys(fields):
        if not name or fields.count(name) > 1:
            yield Fault(file, 1, name, "each column needs a field name of its own")


def _shape_faults(names: Sequence[str], lines: Lines, file: str) -> Iterator[Fault]:
    for number, cells in lines:
        if len(cells) != len(names):
            message = f"has {len(cells)} cells, the header has {len(names)}; check the commas and quotes"
            yield Fault(file, number, "", message)


def _row_faults(rows: Sequence[Row], columns: Sequence[Column], file: str) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for row in rows:
        if not row.id:
            yield Fault(file, row.line, "id", "is empty; a row needs a name, so that its decisions can be explained")
        elif row.id in seen:
            yield Fault(file, row.line, "id", f"'{row.id}' is also the id of line {seen[row.id]}; give each its own")
        seen[row.id] = row.line
        for column in columns:
            if message := fault_of(column, row.cells[column.name]):
                yield Fault(file, row.line, column.name, message)


def _order_faults(rows: Sequence[Row], columns: Sequence[Column], file: str) -> Iterator[Fault]:
    """Where the first match wins, the last row has to take what is left, and no row may stand in another's shadow."""
    seen: dict[tuple[str, ...], int] = {}
    blank = ("",) * len(columns)
    for row in rows:
        cells = tuple(row.cells[column.name] for column in columns)
        if above := seen.get(cells) or seen.get(blank):
            yield Fault(file, row.line, "", f"is never reached: line {above} takes everything this row would take")
        seen.setdefault(cells, row.line)
    if blank not in seen:
        yield Fault(file, rows[-1].line, "", "the last row has to be a default: leave all its input cells blank")

"""A table is something a clerk can edit: how the lines of a CSV text or of a sheet become a decision table.

A table has two header rows, the field name and the Chinese label. The first column ``id`` names the row and says the
hit policy: ``id:first``, the first row that fits wins; ``id:collect``, all rows that fit count. ``clause`` quotes the
policy, ``valid_from`` and ``valid_until`` are the first and the last day of a row, ``->name`` is an output, and every
other column is an input.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from rules.cells import Column, fault_of
from rules.faults import Fault, RulebookFaults, meant
from rules.said import Said, noted, said
from rules.shadows import shadows
from rules.tables import ALWAYS, CLAUSE, ID, OUTPUT, VALID_FROM, VALID_UNTIL, Row, Table

OWN = (ID, CLAUSE, VALID_FROM, VALID_UNTIL)
"""Columns that are neither an input nor an output."""
POLICIES = {"first": False, "collect": True}
_NO_COMMAS = {";": said("a semicolon"), "；": said("a semicolon"), "\t": said("a tab"), "，": said("a Chinese comma")}
"""What some programs, or people, put between two cells."""
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_SHORT = said("a table needs two header rows (field name, Chinese label), a first column 'id' and at least one row")
_EXCEL_DAYS = "YYYY-MM-DD"

Lines = Iterable[tuple[int, Sequence[str]]]
"""Line number (from 1) and cells, of a CSV text or of a sheet."""


def read_table(text: str, file: str, *, collect: bool = False) -> Table:
    """A table from CSV. Raises :class:`RulebookFaults` naming every broken cell."""
    return table_of(csv_lines(text, file), file, collect=collect)


def table_of(lines: Lines, file: str, *, collect: bool = False) -> Table:
    """A table from lines of cells, wherever they come from. Raises :class:`RulebookFaults`."""
    table, faults = examine(lines, file, collect=collect)
    if faults := [*faults, *shadows(table, file, faults)]:
        raise RulebookFaults(faults)
    return table


def examine(lines: Lines, file: str, *, collect: bool = False) -> tuple[Table, list[Fault]]:
    """A table and the faults of its cells, one by one: with faults it may be looked at, but not asked.

    ``collect``: the hit policy when the header names none. Raises :class:`RulebookFaults` for what is no table at all.
    """
    (_, heading), *below = [*lines] or [(1, [])]
    names = [name.strip() for name in heading]
    if len(below) < 2 or not names or names[0].partition(":")[0] != ID:
        raise RulebookFaults([Fault(file, 1, ID, _no_table(names, below))])
    policy = names[0].partition(":")[2]
    names[0] = ID
    if faults := [*_policy_faults(names, policy, file), *_header_faults(names, below[0][1], file)]:
        raise RulebookFaults(faults)
    body = [(number, cells) for number, cells in below[1:] if any(cell.strip() for cell in cells)]
    rows = [_row(names, cells, number) for number, cells in body if len(cells) >= len(names)]
    table = _table(names, rows, file, labels=below[0][1], collect=POLICIES.get(policy, collect))
    return table, [*_shape_faults(names, [below[0], *body], file), *_row_faults(rows, table.columns, file)]


def csv_lines(text: str, file: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Lines of a CSV text. Raises :class:`RulebookFaults`."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    number = 1
    try:
        for cells in reader:
            yield number, cells
            number = reader.line_num + 1
    except csv.Error as wrong:
        message = said("is not readable as CSV: %(wrong)s; look for a quotation mark that is not closed", wrong=wrong)
        raise RulebookFaults([Fault(file, number, "", message)]) from None


def csv_text(lines: Iterable[Sequence[str]]) -> str:
    """Lines of cells as CSV, quoted only where they have to be: the same cells are always the same text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def is_input(name: str) -> bool:
    return name not in OWN and not name.startswith(OUTPUT)


def _table(names: Sequence[str], rows: Sequence[Row], file: str, *, labels: Sequence[str], collect: bool) -> Table:
    columns = [Column.of(name, [row.cells[name] for row in rows]) for name in names if is_input(name)]
    outputs = [name.removeprefix(OUTPUT) for name in names if name.startswith(OUTPUT)]
    edges = {edge for row in rows for edge in (row.valid[0], row.valid[1] + 1)}
    turns = sorted(edges - {ALWAYS[0], ALWAYS[1] + 1})
    called = {name.removeprefix(OUTPUT): word.strip() for name, word in zip(names, labels, strict=False)}
    return Table(file.rpartition(".")[0], collect, columns, outputs, rows, turns, called)


def _row(names: Sequence[str], cells: Sequence[str], line: int) -> Row:
    named = {name.removeprefix(OUTPUT): cell.strip() for name, cell in zip(names, cells, strict=False)}
    first, last = (_day(named.get(name, "")) for name in (VALID_FROM, VALID_UNTIL))
    return Row(named[ID], line, named, (first or ALWAYS[0], last or ALWAYS[1]))


def _day(cell: str) -> int | None:
    """The day of a date cell as an ordinal; ``None`` when it is blank or no date."""
    try:
        return date.fromisoformat(cell).toordinal() if len(cell) == len(_EXCEL_DAYS) else None
    except ValueError:
        return None


def _no_table(names: Sequence[str], below: Sequence[tuple[int, Sequence[str]]]) -> Said:
    """What is wrong with lines that do not begin like a table."""
    if any(sign in "".join(names) for sign in _NO_COMMAS) and len(names) == 1:
        return _SHORT
    titled = next((line for line, cells in below if cells and cells[0].strip().partition(":")[0] == ID), 0)
    above = said("the field names stand in line %(line)s; take out what is above them", line=titled)
    return above if titled else _SHORT


def _policy_faults(names: Sequence[str], policy: str, file: str) -> Iterator[Fault]:
    if len(names) == 1 and (sign := next((sign for sign in _NO_COMMAS if sign in policy), "")):
        message = said("between the cells stands %(sign)s; save the table as CSV with commas", sign=_NO_COMMAS[sign])
        yield Fault(file, 1, ID, message)
    elif policy and policy not in POLICIES:
        cure = meant(policy, POLICIES)
        message = said("unknown hit policy '%(word)s'%(cure)s; write id:first or id:collect", word=policy, cure=cure)
        yield Fault(file, 1, ID, message)


def _header_faults(names: Sequence[str], labels: Sequence[str], file: str) -> Iterator[Fault]:
    """Columns without a field name of their own; a second line with blank cells is no label row but a row that would
    be lost."""
    if blank := [name for name, label in zip(names, labels, strict=False) if not label.strip()]:
        second = noted("the second line has to say what each column is called; it says nothing for %(columns)s")
        message = said(second, columns=", ".join(blank))
        yield Fault(file, 2, blank[0], message)
    fields = [name.removeprefix(OUTPUT) for name in names]
    for name in dict.fromkeys(fields):
        if not name or fields.count(name) > 1:
            yield Fault(file, 1, name, said("each column needs a field name of its own"))


def _shape_faults(names: Sequence[str], lines: Lines, file: str) -> Iterator[Fault]:
    for number, cells in lines:
        if len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
            chinese = "，" in "".join(cells)
            cure = said("a Chinese comma does not part cells") if chinese else said("check the commas and quotes")
            counted = noted("has %(cells)s cells, the header has %(columns)s; %(cure)s")
            yield Fault(file, number, "", said(counted, cells=len(cells), columns=len(names), cure=cure))


def _row_faults(rows: Sequence[Row], columns: Sequence[Column], file: str) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for row in rows:
        if not row.id:
            nameless = said("is empty; a row needs a name, so that its decisions can be explained")
            yield Fault(file, row.line, ID, nameless)
        elif row.id in seen:
            twice = said("'%(id)s' is also the id of line %(line)s; give each its own", id=row.id, line=seen[row.id])
            yield Fault(file, row.line, ID, twice)
        seen.setdefault(row.id, row.line)
        yield from _unseen_faults(row, file)
        for column in columns:
            if message := fault_of(column, row.cells[column.name]):
                yield Fault(file, row.line, column.name, message)
        yield from _day_faults(row, file)


def _unseen_faults(row: Row, file: str) -> Iterator[Fault]:
    """Control characters and blanks without width, which no word of the rulebook has."""
    for name, cell in row.cells.items():
        if _UNSEEN.search(cell):
            seen = _UNSEEN.sub("", cell)
            yield Fault(file, row.line, name, said("'%(cell)s' has a sign nobody can see; type it again", cell=seen))


def _day_faults(row: Row, file: str) -> Iterator[Fault]:
    for name in (VALID_FROM, VALID_UNTIL):
        if (cell := row.cells.get(name, "")) and _day(cell) is None:
            yield Fault(file, row.line, name, said("'%(cell)s' is not a day; write it as 2027-01-31", cell=cell))
    if row.valid[0] > row.valid[1]:
        message = said("the row ends before it begins; valid_until is its last day")
        yield Fault(file, row.line, VALID_UNTIL, message)

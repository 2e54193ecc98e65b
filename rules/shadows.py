"""谁主管、谁负责: where the first row wins, none may stand in another's shadow, and the last takes what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from rules.cells import Column
from rules.cover import Cover
from rules.faults import Fault
from rules.said import noted, said
from rules.tables import ALWAYS, VALID_UNTIL, Row, Table


def shadows(table: Table, file: str, known: Sequence[Fault]) -> Iterator[Fault]:
    """Rows that are never reached, rows whose dates overlap, and a default that is missing or not the last row.

    ``known``: faults of the cells; nobody knows what a broken row takes, nor which column a misshapen one is about.
    """
    broken = {fault.line for fault in known}
    if table.collect or not table.rows or not all(fault.cell for fault in known):
        return
    defaults = [row for row in table.rows if is_default(row, table.columns)]
    if not defaults:
        message = said("the last row has to be a default: leave all its input cells and its dates blank")
        yield Fault(file, table.rows[-1].line, "", message)
    early = next((row for row in defaults if row is not table.rows[-1]), None)
    if early is not None:
        message = said("is a default and takes everything, so that no row below is ever reached; move it to the end")
        yield Fault(file, early.line, "", message)
    rows = [row for row in table.rows if row is not early and row.line not in broken]
    yield from _pairs(rows, [Cover(c) for c in table.columns], file)


def is_default(row: Row, columns: Sequence[Column]) -> bool:
    """Whether a row takes whatever no other row took, on every day."""
    return row.valid == ALWAYS and not any(row.cells[column.name] for column in columns)


def _pairs(rows: Sequence[Row], covers: Sequence[Cover], file: str) -> Iterator[Fault]:
    for n, row in enumerate(rows):
        above = next(
            (other for other in rows[:n] if _together(other, row) and all(cover(other, row) for cover in covers)), None
        )
        if above is None:
            continue
        if _within(row, above):
            message = said("is never reached: line %(line)s takes everything this row would take", line=above.line)
            yield Fault(file, row.line, "", message)
        elif all(cover(row, above) for cover in covers) and not _within(above, row):
            until = min(row.valid[1], above.valid[1])
            overlaps = noted("overlaps with line %(line)s until %(day)s; end one before the other begins")
            message = said(overlaps, line=above.line, day=date.fromordinal(until))
            yield Fault(file, row.line, VALID_UNTIL, message)


def _together(row: Row, other: Row) -> bool:
    """Whether there is a day on which both are valid."""
    return row.valid[0] <= other.valid[1] and other.valid[0] <= row.valid[1]


def _within(row: Row, other: Row) -> bool:
    """Whether ``row`` is valid only on days on which ``other`` is."""
    return other.valid[0] <= row.valid[0] and row.valid[1] <= other.valid[1]

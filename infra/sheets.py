"""A table is something a clerk can edit: decision tables as an XLSX workbook, one sheet each, and back without loss.

A workbook never is the rulebook itself: its sheets become the same CSV text however the program that saved it packed
them, so that the version of a rulebook depends on its cells alone.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import IllegalCharacterError, InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from infra.mistakes import Mistake
from rules.faults import Fault, RulebookFaults
from rules.said import said
from rules.table_text import csv_lines, csv_text

CHOICES = "choices"
"""The hidden sheet behind the drop-down lists."""
TEXT = "@"
LONGEST = 32_767
"""Characters that a cell of a workbook can hold."""
SPARE = 500
"""Rows below the last one that get the drop-down lists too."""
_HEADER, _LABEL = Font(bold=True), PatternFill("solid", fgColor="E8EFEC")


def write_workbook(path: Path, tables: Mapping[str, str], choices: Mapping[str, Sequence[str]]) -> None:
    """Tables (name -> CSV text) as a workbook; ``choices`` (column -> words) become drop-down lists.

    Raises :class:`Mistake` for a text that no workbook can hold, or a file that cannot be written.
    """
    book = Workbook()
    book.remove(book.worksheets[0])
    lists = _Lists(choices)
    for name, text in tables.items():
        try:
            _fill(book.create_sheet(name), [cells for _, cells in csv_lines(text, name)], lists)
        except IllegalCharacterError:
            raise Mistake(f"the table {name} holds a control character, which no workbook can; take it out") from None
    lists.write(book)
    try:
        book.save(path)
    except OSError as wrong:
        raise Mistake(f"{path} cannot be written: {wrong.strerror}") from None


def read_workbook(path: Path) -> dict[str, str]:
    """Sheet -> CSV text, row by row. Raises :class:`RulebookFaults` for what has no plain meaning."""
    try:
        book = load_workbook(path)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as wrong:
        message = said("is not a readable XLSX workbook: %(why)s", why=wrong)
        raise RulebookFaults([Fault(path.name, 0, "", message)]) from None
    sheets = [s for s in book.worksheets if s.title != CHOICES and s.sheet_state == Worksheet.SHEETSTATE_VISIBLE]
    faults = [fault for sheet in sheets for fault in _faults(sheet, path.name)]
    if faults:
        raise RulebookFaults(faults)
    return {sheet.title: csv_text(_rows(sheet)) for sheet in sheets}


def _fill(sheet: Worksheet, rows: Sequence[Sequence[str]], lists: _Lists) -> None:
    for row, cells in enumerate(rows, 1):
        for column, text in enumerate(cells, 1):
            if len(text) > LONGEST:
                raise Mistake(f"line {row} of the table {sheet.title} has a cell longer than {LONGEST} characters")
            _write(sheet.cell(row, column), text)
    sheet.freeze_panes = "B3"
    for column, name in enumerate(rows[0] if rows else (), 1):
        letter = get_column_letter(column)
        sheet.cell(1, column).font = _HEADER
        sheet.cell(2, column).fill = _LABEL
        widest = max(len(cells[column - 1]) for cells in rows if len(cells) >= column)
        sheet.column_dimensions[letter].width = min(max(12, widest * 1.6), 60)
        if validation := lists.of(name):
            sheet.add_data_validation(validation)
            validation.add(f"{letter}3:{letter}{len(rows) + SPARE}")


def _write(cell: Any, text: str) -> None:
    """Every cell is a text, also one that looks like a number, a date or a formula."""
    cell.value = text or None
    if text:
        cell.data_type = "s"
    cell.number_format = TEXT


class _Lists:
    """Drop-down lists on a hidden sheet; they offer, they do not force, because a cell may name several words."""

    def __init__(self, choices: Mapping[str, Sequence[str]]) -> None:
        self._choices = {name: words for name, words in choices.items() if words}
        self._place = {name: get_column_letter(n) for n, name in enumerate(self._choices, 1)}

    def of(self, column: str) -> DataValidation | None:
        """The list for a column of this name."""
        if column not in self._place:
            return None
        letter, count = self._place[column], len(self._choices[column])
        where = f"{CHOICES}!${letter}$1:${letter}${count}"
        return DataValidation("list", formula1=where, allow_blank=True, showErrorMessage=False)

    def write(self, book: Workbook) -> None:
        sheet = book.create_sheet(CHOICES)
        sheet.sheet_state = Worksheet.SHEETSTATE_HIDDEN
        for name, letter in self._place.items():
            for row, word in enumerate(self._choices[name], 1):
                _write(sheet[f"{letter}{row}"], word)


def _rows(sheet: Worksheet) -> Iterator[list[str]]:
    """Rows as wide as the header, or wider where something stands there; blank ones stay, to keep the count."""
    rows = [[_text(cell.value) for cell in row] for row in sheet.iter_rows()]
    width = _width(rows[0]) if rows else 0
    while rows and not any(rows[-1]):
        rows.pop()
    for cells in rows:
        yield cells[: max(width, _width(cells))] if any(cells) else []


def _width(cells: Sequence[str]) -> int:
    return max((n for n, text in enumerate(cells, 1) if text), default=0)


def _text(value: Any) -> str:
    """A cell as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and not any((value.hour, value.minute, value.second)):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def _faults(sheet: Worksheet, file: str) -> Iterator[Fault]:
    for merged in sheet.merged_cells.ranges:
        message = said(
            "these cells are merged, and all but the first count as blank; take the merge apart and fill each"
        )
        yield Fault(file, merged.min_row, f"{sheet.title}!{merged.coord}", message)
    for row in sheet.iter_rows():
        for cell in row:
            if cell.data_type in ("f", "e"):
                what = said("a formula") if cell.data_type == "f" else said("an error")
                message = said("'%(value)s' is %(what)s; write the value itself", value=cell.value, what=what)
                yield Fault(file, cell.row or 0, f"{sheet.title}!{cell.coordinate}", message)

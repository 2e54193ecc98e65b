"""A rulebook is a folder that any city can replace; this is the only place that reads one from disk, or writes to one.

A table is a CSV file or, instead of it, a workbook of the same name: ``catalogue.xlsx``. Whoever reads a rulebook sees
``catalogue.csv`` in either case, so that its version depends on the cells alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.mistakes import Mistake
from rules.faults import Fault, RulebookFaults
from rules.said import noted, said
from rules.table_text import csv_lines

CSV, XLSX = ".csv", ".xlsx"
ENDINGS = (".yaml", ".yml", CSV, XLSX)
SPREADSHEETS = (".xls", ".xlsm", ".xlsb", ".ods", ".numbers", ".et", ".tsv")
"""Endings of tables that nobody reads here."""


@dataclass(frozen=True)
class Folder:
    """What a folder holds: relative path -> text, the tables that are workbooks, and what could not be read."""

    files: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)
    workbooks: Mapping[str, str] = field(default_factory=dict)
    """Name of a table's text -> name of its workbook."""

    def told(self, faults: list[Fault]) -> list[Fault]:
        """Faults of the texts as faults of the files that people have before them; a file of which was told that it
        cannot be read is not missing as well."""
        unread = {fault.file.rpartition(".")[0] for fault in self.faults}
        return [*self.faults, *(self._placed(f) for f in faults if f.line or f.file.rpartition(".")[0] not in unread)]

    def _placed(self, fault: Fault) -> Fault:
        if fault.file not in self.workbooks:
            return fault
        lines = [number for number, _ in csv_lines(self.files[fault.file], fault.file)]
        row = lines.index(fault.line) + 1 if fault.line in lines else fault.line
        return replace(fault, file=self.workbooks[fault.file], line=row)


def look_into(folder: Path) -> Folder:
    """Every table and description of a folder, as far as it can be read.

    Hidden files (locks and backups of editors) are no part of a rulebook. Raises :class:`RulebookFaults` for no folder.
    """
    if not folder.is_dir():
        raise RulebookFaults([Fault(str(folder), 0, "", said("is not a folder; name one in rules/ or give a path"))])
    files: dict[str, str] = {}
    faults: list[Fault] = []
    workbooks: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if any(part.startswith((".", "~")) for part in inside.parts):
            continue
        if path.suffix not in ENDINGS:
            faults += _other_ending(path, inside.as_posix())
            continue
        name, text = inside.with_suffix(CSV if path.suffix == XLSX else path.suffix).as_posix(), ""
        try:
            text = _read(path, inside.as_posix())
        except RulebookFaults as wrong:
            faults.extend(wrong.faults)
            continue
        if name in files and path.suffix == XLSX:
            message = said("stands beside %(name)s, and nobody can say which of them counts; remove one", name=name)
            faults.append(Fault(inside.as_posix(), 0, "", message))
        elif path.suffix == XLSX:
            workbooks[name] = inside.as_posix()
        files.setdefault(name, text)
    return Folder(files, faults, workbooks)


def _other_ending(path: Path, name: str) -> list[Fault]:
    """What is wrong with a file that was meant to be a table or a description, as its ending tells."""
    ending = path.suffix.lower()
    if ending in ENDINGS:
        small = said("is not read; write its ending in small letters: %(file)s", file=f"{path.stem}{ending}")
        return [Fault(name, 0, "", small)]
    return [Fault(name, 0, "", said("is not read; save it as XLSX or as CSV UTF-8"))] if ending in SPREADSHEETS else []


def read_folder(folder: Path) -> dict[str, str]:
    """Relative path -> text. Raises :class:`RulebookFaults` for what cannot be read."""
    found = look_into(folder)
    if found.faults:
        raise RulebookFaults(found.faults)
    return dict(found.files)


def write_table(folder: Path, name: str, text: str, write_xlsx: Callable[[Path], None]) -> Path:
    """Put the text of a table into its file; ``write_xlsx`` writes the workbook where the folder has one. The path."""
    path = folder / f"{name}{XLSX if (folder / f'{name}{XLSX}').exists() else CSV}"
    draft = path.with_name(f".{path.name}")
    try:
        if path.suffix == XLSX:
            write_xlsx(draft)
        else:
            draft.write_text(text, "utf-8", newline="\n")
        draft.replace(path)
    except OSError as wrong:
        raise Mistake(f"{path} cannot be written: {wrong.strerror}") from None
    return path


def _read(path: Path, name: str) -> str:
    if path.suffix == XLSX:
        from infra.sheets import read_workbook  # noqa: PLC0415 -- most folders hold no workbook

        return _sheet(read_workbook(path), path.stem, name)
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        message = said("is not UTF-8; save it as 'CSV UTF-8', or as text in UTF-8")
        raise RulebookFaults([Fault(name, 0, "", message)]) from None
    except OSError as wrong:
        message = said("cannot be read: %(why)s", why=wrong.strerror)
        raise RulebookFaults([Fault(name, 0, "", message)]) from None


def _sheet(sheets: Mapping[str, str], table: str, name: str) -> str:
    """The text of a table's own sheet, or of the only one."""
    if table not in sheets and len(sheets) != 1:
        which = noted("has no sheet '%(table)s', and %(count)s others; name the sheet of the table '%(table)s'")
        message = said(which, table=table, count=len(sheets))
        raise RulebookFaults([Fault(name, 0, "", message)])
    return sheets.get(table) or next(iter(sheets.values()))

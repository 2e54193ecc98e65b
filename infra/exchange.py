"""A table is something a clerk can edit: decision tables leave the rulebook as workbooks or CSV, and come back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from typer import echo

from infra.mistakes import Mistake
from infra.rulebook_check import FAULTY, faults_of
from infra.rulebook_files import CSV, XLSX, Folder, look_into, write_table
from infra.sheets import read_workbook, write_workbook
from rules.choices import choices
from rules.faults import Fault, RulebookFaults, meant
from rules.rulebook import examine
from rules.said import said
from rules.table_text import csv_lines


def export_tables(folder: Path, wanted: Sequence[str], *, xlsx: Path | None, csv: Path | None) -> None:
    """``minsheng rules export``. Raises :class:`Mistake` for a table that does not exist or a file that cannot be."""
    found = _look(folder)
    texts = {name.removesuffix(CSV): text for name, text in found.files.items() if name.endswith(CSV)}
    names = [*wanted] or [*texts]
    for name in names:
        if name not in texts:
            raise Mistake(f"the rulebook {folder} has no table '{name}'{meant(name, texts)}")
    if xlsx is None and csv is None:
        if len(names) > 1:
            raise Mistake("name one table to print it, or say where to write them: --xlsx FILE or --csv FOLDER")
        echo(texts[names[0]], nl=False)
    if xlsx is not None:
        write_workbook(xlsx, {name: texts[name] for name in names}, choices(examine(found.files)[0]))
        echo(f"{xlsx}: {', '.join(names)}")
    if csv is not None:
        _write_csv(csv, {name: texts[name] for name in names})


def import_tables(folder: Path, paths: Sequence[Path]) -> int:
    """``minsheng rules import``: take tables over when the rulebook is sound with them; the exit code."""
    found = _look(folder)
    brought, faults, sheets = _bring(paths)
    new = {f"{name}{CSV}": text for name, text in brought.items() if not _same(found, name, text)}
    after = Folder({**found.files, **new}, faults, sheets)
    book, wrong = faults_of(after.files)
    before = set(faults_of(found.files)[1])
    if told := after.told([fault for fault in wrong if fault not in before]):
        for fault in told:
            echo(str(fault))
        echo(f"nothing was taken over into {folder}: mend what is named above first")
        return FAULTY
    for name, text in brought.items():
        if _same(found, name, text):
            echo(f"{name}: nothing new")
        else:
            write_xlsx = partial(write_workbook, tables={name: text}, choices=choices(book))
            echo(f"{name}: taken over into {write_table(folder, name, text, write_xlsx)}")
    return 0


def _look(folder: Path) -> Folder:
    try:
        found = look_into(folder)
    except RulebookFaults as wrong:
        raise Mistake(str(wrong)) from None
    if found.faults:
        raise Mistake("; ".join(map(str, found.faults)))
    return found


def _bring(paths: Sequence[Path]) -> tuple[dict[str, str], list[Fault], dict[str, str]]:
    """Table -> text, from all files; what is wrong with the files themselves; name of a text -> where it comes from."""
    brought: dict[str, str] = {}
    faults: list[Fault] = []
    sheets: dict[str, str] = {}
    for path in paths:
        if not path.is_file():
            raise Mistake(f"there is no file {path}")
        try:
            tables = read_workbook(path) if path.suffix == XLSX else _csv(path)
        except RulebookFaults as wrong:
            faults.extend(wrong.faults)
            continue
        if twice := brought.keys() & tables.keys():
            raise Mistake(f"{', '.join(sorted(twice))} is in two of the files; name only one")
        brought |= tables
        if path.suffix == XLSX:
            sheets |= {f"{name}{CSV}": f"{path.name}, sheet {name}" for name in tables}
    return brought, faults, sheets


def _csv(path: Path) -> dict[str, str]:
    if path.suffix != CSV:
        raise Mistake(f"{path}: only {XLSX} and {CSV} files hold tables")
    try:
        return {path.stem: path.read_text("utf-8-sig")}
    except UnicodeDecodeError:
        raise RulebookFaults([Fault(path.name, 0, "", said("is not UTF-8; save it as 'CSV UTF-8'"))]) from None


def _same(found: Folder, name: str, text: str) -> bool:
    """Whether the rulebook has these cells already, however they are quoted."""
    old = found.files.get(f"{name}{CSV}")
    try:
        return old is not None and _cells(old, name) == _cells(text, name)
    except RulebookFaults:
        return old == text


def _cells(text: str, name: str) -> list[list[str]]:
    return [list(cells) for _, cells in csv_lines(text, name) if any(cells)]


def _write_csv(folder: Path, texts: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}{CSV}").write_text(text, "utf-8-sig", newline="\n")
    except OSError as wrong:
        raise Mistake(f"{folder} cannot be written: {wrong.strerror}") from None
    echo(f"{folder}: {', '.join(texts)}")

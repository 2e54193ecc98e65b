"""A rulebook is read as a whole: the texts of a folder, what each has to look like, and all their faults at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from rules.calendar import Calendar, read_calendar
from rules.faults import Fault, RulebookFaults, read_yaml
from rules.process import Process, read_process
from rules.tables import OUTPUT, Table, csv_lines, examine

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table may ask for and has to answer. ``collect``: all matching rows count, else the first."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    collect: bool = False


TABLES = {
    "catalogue": Shape(("category/", "district"), ("lead", "partners"), collect=True),
    "deadlines": Shape(("process", "clock", "urgency"), ("span", "times")),
    "ladder": Shape(("clock", "urgency"), ("rung", "offset", "to", "letter"), collect=True),
    "urgency": Shape(("category/", "type", "text~"), ("urgency",)),
    "keywords": Shape(("text~",), ("category",)),
    "callback": Shape(("answer", "solved", "satisfied"), ("verdict",)),
    "channels": Shape(("channel",), ("zh", "en"), collect=True),
}


def version_of(files: Mapping[str, str]) -> str:
    """Twelve hexadecimal digits that change with every character of the rulebook."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{files[name]}\0".encode())
    return digest.hexdigest()[:12]


class Reading:
    """The texts of a rulebook while they are read; one broken file does not hide the faults of the next."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.faults: list[Fault] = []

    def read(self, name: str, reader: Callable[[str, str], T]) -> T | None:
        """What ``reader`` makes of a file; ``None`` when it is missing or broken."""
        if name not in self.files:
            self.faults.append(Fault(name, 0, "", "is missing from the rulebook"))
            return None
        try:
            return reader(self.files[name], name)
        except RulebookFaults as wrong:
            self.faults.extend(wrong.faults)
            return None

    @property
    def broken(self) -> set[str]:
        """Files with faults."""
        return {fault.file for fault in self.faults}

    def calendar(self) -> Calendar | None:
        return self.read("calendar.yaml", _calendar)

    def tables(self) -> dict[str, Table]:
        """Every table that can at least be looked at."""
        read = {name: self.read(f"{name}.csv", self._reader(shape)) for name, shape in TABLES.items()}
        return {name: table for name, table in read.items() if table is not None}

    def _reader(self, shape: Shape) -> Callable[[str, str], Table]:
        def reader(text: str, file: str) -> Table:
            table, faults = examine(csv_lines(text, file), file, collect=shape.collect)
            self.faults.extend(faults)
            if missing := list(_columns(table, shape, file)):
                raise RulebookFaults(missing)
            return table

        return reader

    def processes(self) -> dict[str, Process]:
        """Process by name; ``standard`` has to be among them."""
        names = [n for n in sorted(self.files) if n.startswith("process/") and n.endswith((".yaml", ".yml"))]
        read = {name: self.read(name, read_process) for name in names}
        found = {name: process for name, process in read.items() if process is not None}
        for name, process in found.items():
            if name.rpartition("/")[2].rpartition(".")[0] != process.name:
                self.faults.append(Fault(name, 1, "name", f"'{process.name}' has to be the name of its file"))
        if "process/standard.yaml" not in names:
            self.faults.append(Fault("process/standard.yaml", 0, "", "is missing from the rulebook"))
        return {process.name: process for process in found.values()}


def _calendar(text: str, file: str) -> Calendar:
    try:
        return read_calendar(read_yaml(text, file) or {})
    except (ValueError, TypeError) as wrong:
        raise RulebookFaults([Fault(file, 1, "", str(wrong))]) from None


def _columns(table: Table, shape: Shape, file: str) -> Iterator[Fault]:
    """An input nobody fills would never match, an output nobody wrote would never be found."""
    possible = ", ".join(shape.inputs)
    for column in table.columns:
        if column.name not in shape.inputs:
            message = f"is no input of this table; use one of: {possible}; outputs begin with {OUTPUT}"
            yield Fault(file, 1, column.name, message)
    for name in shape.outputs:
        if name not in table.outputs:
            yield Fault(file, 1, OUTPUT + name, "this column is missing")

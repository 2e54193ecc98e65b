"""A rulebook is read as a whole: the texts of a folder, what each has to look like, and all their faults at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from rules.calendar import Calendar, read_calendar
from rules.faults import Fault, RulebookFaults, like, meant, read_yaml
from rules.process import Process, read_process
from rules.table_text import OWN, csv_lines, examine
from rules.tables import OUTPUT, Table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table asks for and answers. ``collect``: the hit policy of a table that names none in its header;
    ``needs_all``: the rules use every row that fits, so that no other policy would do."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    collect: bool = False
    needs_all: bool = False


TABLES = {
    "catalogue": Shape(("category/", "district"), ("lead", "partners"), collect=True, needs_all=True),
    "deadlines": Shape(("process", "clock", "urgency"), ("span", "times")),
    "ladder": Shape(("clock", "urgency"), ("rung", "offset", "to", "letter"), collect=True, needs_all=True),
    "urgency": Shape(("category/", "type", "text~"), ("urgency",)),
    "keywords": Shape(("text~",), ("category",)),
    "callback": Shape(("answer", "solved", "satisfied"), ("verdict",)),
    "channels": Shape(("channel",), ("zh", "en"), collect=True),
}
DESCRIPTIONS = ("departments.yaml", "districts.yaml", "categories.yaml", "calendar.yaml")
PROCESSES = "process/"
STANDARD_FILE = "process/standard.yaml"
_MISSING = "is missing from the rulebook; take the one of rules/qingdao as a pattern"


def version_of(files: Mapping[str, str]) -> str:
    """Twelve hexadecimal digits that change with every character of the rulebook."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{files[name]}\0".encode())
    return digest.hexdigest()[:12]


class Reading:
    """The texts of a rulebook while they are read; one broken file does not hide the faults of the next.

    ``approved``: it was in force before, so that what it lacks is no fault.
    """

    def __init__(self, files: Mapping[str, str], *, approved: bool = False) -> None:
        self.files = files
        self.faults: list[Fault] = []
        self.unreadable: list[Fault] = []
        """Faults of files of which nothing could be used."""
        self._approved = approved

    def read(self, name: str, reader: Callable[[str, str], T]) -> T | None:
        """What ``reader`` makes of a file; ``None`` when it is missing or broken."""
        if name not in self.files:
            self.faults.append(Fault(name, 0, "", _MISSING))
            return None
        try:
            return reader(self.files[name], name)
        except RulebookFaults as wrong:
            self.faults.extend(wrong.faults)
            self.unreadable.extend(wrong.faults)
            return None

    @property
    def broken(self) -> set[str]:
        """Files with faults."""
        return {fault.file for fault in self.faults}

    def strangers(self) -> Iterator[Fault]:
        """Files that nobody reads, most often because their name is misspelt."""
        known = [*DESCRIPTIONS, *(f"{name}.csv" for name in TABLES), STANDARD_FILE]
        for name in self.files:
            if name not in known and not _is_process(name):
                absent = [one for one in known if one not in self.files]
                cure = meant(name, absent) or "; remove it, or mend its name"
                yield Fault(name, 0, "", f"is no file of a rulebook{cure}")

    def calendar(self) -> Calendar | None:
        return self.read("calendar.yaml", _calendar)

    def tables(self) -> dict[str, Table]:
        """Every table that can at least be looked at."""
        read = {name: self._table(name, shape) for name, shape in TABLES.items()}
        return {name: table for name, table in read.items() if table is not None}

    def _table(self, name: str, shape: Shape) -> Table | None:
        found = self.read(f"{name}.csv", self._reader(shape))
        if found is None and self._approved and f"{name}.csv" not in self.files:
            return Table(name, shape.collect, (), shape.outputs, ())
        return found

    def _reader(self, shape: Shape) -> Callable[[str, str], Table]:
        def reader(text: str, file: str) -> Table:
            table, faults = examine(csv_lines(text, file), file, collect=shape.collect)
            wrong = [] if self._approved else list(_columns(table, shape, file))
            self.faults.extend(faults if not wrong else ())
            if wrong:
                raise RulebookFaults(wrong)
            return table

        return reader

    def processes(self) -> dict[str, Process]:
        """Process by name; ``standard`` has to be among them."""
        names = [name for name in sorted(self.files) if _is_process(name)]
        read = {name: self.read(name, read_process) for name in names}
        found = {name: process for name, process in read.items() if process is not None}
        for name, process in found.items():
            if name.rpartition("/")[2].rpartition(".")[0] != process.name:
                self.faults.append(Fault(name, 1, "name", f"'{process.name}' has to be the name of its file"))
        if STANDARD_FILE not in names:
            self.faults.append(Fault(STANDARD_FILE, 0, "", _MISSING))
        return {process.name: process for process in found.values()}


def _is_process(name: str) -> bool:
    return name.startswith(PROCESSES) and name.endswith((".yaml", ".yml"))


def _calendar(text: str, file: str) -> Calendar:
    try:
        return read_calendar(read_yaml(text, file) or {})
    except (ValueError, TypeError) as wrong:
        raise RulebookFaults([Fault(file, 1, "", str(wrong))]) from None


def _columns(table: Table, shape: Shape, file: str) -> Iterator[Fault]:
    """An input nobody fills would never match, an output nobody reads would change nothing; each by one fault."""
    wanted = [*shape.inputs, *(OUTPUT + name for name in shape.outputs)]
    have = [*(column.name for column in table.columns), *(OUTPUT + name for name in table.outputs)]
    missing = [name for name in wanted if name not in have]
    for name in have:
        if name not in wanted:
            yield Fault(file, 1, name, f"this table has no such column{meant(name, missing or [*wanted, *OWN])}")
            missing = [one for one in missing if one not in like(name, missing)[:1]]
    for name in missing:
        yield Fault(file, 1, name, "this column is missing; a blank cell in it means any")
    if shape.needs_all and not table.collect:
        yield Fault(file, 1, "id", "this table counts every row that fits; write id:collect")

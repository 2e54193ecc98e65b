"""A rulebook is read as a whole: the texts of a folder, what each has to look like, and all their faults at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from rules.calendar import Calendar
from rules.calendar_file import read_calendar_file
from rules.categories import Category, read_categories
from rules.clauses import CLAUSES, read_clauses
from rules.departments import Department, District, Words, read_departments, read_districts
from rules.faults import Fault, RulebookFaults, like, meant
from rules.guards import FACTS
from rules.process import Process, read_process
from rules.said import noted, said
from rules.shadows import shadows
from rules.table_text import OWN, csv_lines, examine
from rules.tables import OUTPUT, VALID_FROM, VALID_UNTIL, Table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table asks for and answers. ``may``: further inputs it may have; ``collect``: the hit policy of a table
    that names none in its header; ``needs_all``: the rules use every row that fits, so that no other policy would do;
    ``optional``: a rulebook may do without it."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    collect: bool = False
    needs_all: bool = False
    may: tuple[str, ...] = ()
    optional: bool = False


_RUNG = ("rung", "offset", "to", "letter")
TABLES = {
    "catalogue": Shape(("category/", "district"), ("lead", "partners"), collect=True, needs_all=True),
    "deadlines": Shape(("process", "clock", "urgency"), ("span", "times")),
    "ladder": Shape(("clock", "urgency"), _RUNG, collect=True, needs_all=True, may=("process",)),
    "urgency": Shape(("category/", "type", "text~"), ("urgency",)),
    "keywords": Shape(("text~",), ("category",)),
    "callback": Shape(("answer", "solved", "satisfied"), ("verdict",)),
    "channels": Shape(("channel",), ("zh", "en"), collect=True),
    "processes": Shape(("type", "channel", "urgency", "category/"), ("process",), optional=True),
}
DESCRIPTIONS = ("departments.yaml", "districts.yaml", "categories.yaml", "calendar.yaml", CLAUSES)
PROCESSES = "process/"
STANDARD_FILE = "process/standard.yaml"
_NO_TABLE = noted("is no table of the rules, and no process names it%(cure)s")
_NO_FILE = noted("is no file of a rulebook%(cure)s")
_PATTERN = said("; take the one of rules/qingdao as a pattern")
GUARD = Shape(("action",), ("verdict", "zh", "en"), may=FACTS)
"""What a table needs that guards an action (``guards`` of a stage)."""
TURN = Shape(("outcome",), ("becomes",), may=FACTS)
"""What a table needs that chooses an outcome (``chosen_by`` of a stage)."""


def tables_named(processes: Iterable[Process]) -> dict[str, Shape]:
    """The tables that stages name for their actions and outcomes."""
    stages = [stage for process in processes for stage in process.stages.values()]
    guards = {guard.table: GUARD for stage in stages for guard in stage.guards.values()}
    return guards | {table: TURN for stage in stages for table in stage.chosen_by.values()}


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
        self.lost: set[str] = set()
        """Files that are missing, or of which nothing could be used."""
        self.doubtful: set[str] = set()
        """Files that may not say all they were meant to say."""
        self._approved = approved
        self._named: Mapping[str, Shape] = {}

    def read(self, name: str, reader: Callable[[str, str], T]) -> T | None:
        """What ``reader`` makes of a file, without its broken parts; ``None`` when nothing is left of it."""
        try:
            if name not in self.files:
                self._lacks(name)
                return None
            return reader(self.files[name], name)
        except RulebookFaults as wrong:
            self.faults.extend(wrong.faults)
            self.doubtful.add(name)
            if wrong.partial is None:
                self.lost.add(name)
            return wrong.partial  # type: ignore[no-any-return]  # what the reader makes

    def _lacks(self, name: str) -> None:
        """A file that is not there; one that is called almost like it is named."""
        near = [file for file in self.files if file not in self._known() and _stem(file) == _stem(name)]
        cure = said("; is it %(file)s? Rename that", file=near[0]) if near else _PATTERN
        self.faults.append(Fault(name, 0, "", said("is missing from the rulebook%(cure)s", cure=cure)))
        self.doubtful.add(name)
        self.lost.add(name)

    def _known(self) -> list[str]:
        return [*DESCRIPTIONS, *(f"{name}.csv" for name in {**TABLES, **self._named}), STANDARD_FILE]

    def districts(self) -> dict[str, District]:
        return self.read("districts.yaml", read_districts) or {}

    def departments(self, districts: Mapping[str, District]) -> dict[str, Department]:
        return self.read("departments.yaml", lambda text, file: read_departments(text, file, districts)) or {}

    def categories(self) -> dict[str, Category]:
        return self.read("categories.yaml", read_categories) or {}

    def calendar(self) -> Calendar:
        return self.read("calendar.yaml", read_calendar_file) or Calendar()

    def clauses(self) -> Mapping[str, Words]:
        return self.read(CLAUSES, read_clauses) or {}

    def strangers(self) -> Iterator[Fault]:
        """Files that nobody reads, most often because their name is misspelt."""
        known = self._known()
        may_be_named = any(_is_process(file) for file in self.doubtful)
        for name in self.files:
            if name not in known and not _is_process(name) and not (may_be_named and name.endswith(".csv")):
                absent = [one for one in known if one not in self.files]
                cure = meant(name, absent) or said("; remove it, or mend its name")
                yield Fault(name, 0, "", said(_NO_TABLE if name.endswith(".csv") else _NO_FILE, cure=cure))

    def tables(self, processes: Iterable[Process]) -> dict[str, Table]:
        """Every table that can at least be looked at."""
        read = {name: self._table(name, shape) for name, shape in self._wanted(processes).items()}
        return {name: table for name, table in read.items() if table is not None}

    def _wanted(self, processes: Iterable[Process]) -> dict[str, Shape]:
        self._named = tables_named(processes)
        have = {name: shape for name, shape in TABLES.items() if not shape.optional or f"{name}.csv" in self.files}
        return self._named | have

    def _table(self, name: str, shape: Shape) -> Table | None:
        found = self.read(f"{name}.csv", self._reader(shape))
        if found is None and self._approved and f"{name}.csv" not in self.files:
            return Table(name, shape.collect, (), shape.outputs, ())
        return found

    def _reader(self, shape: Shape) -> Callable[[str, str], Table]:
        def reader(text: str, file: str) -> Table:
            table, faults, hidden = _examined(text, file, shape.collect)
            if self._approved:
                return table
            if wrong := list(_columns(table, shape, file)):
                raise RulebookFaults(wrong)
            decisive = ("", VALID_FROM, VALID_UNTIL, *(column.name for column in table.columns))
            if any(fault.cell in decisive for fault in faults):
                self.doubtful.add(file)
            self.faults.extend([*faults, *hidden])
            return table

        return reader

    def processes(self) -> dict[str, Process]:
        """Process by name; ``standard`` has to be among them."""
        names = [name for name in sorted(self.files) if _is_process(name)]
        read = {name: self.read(name, read_process) for name in names}
        found = {name: process for name, process in read.items() if process is not None}
        for name, process in found.items():
            if _stem(name) != process.name:
                message = said("'%(name)s' has to be the name of its file; change one of them", name=process.name)
                self.faults.append(Fault(name, 0, "name", message))
        if STANDARD_FILE not in names:
            self._lacks(STANDARD_FILE)
        return {process.name: process for process in found.values()}


@lru_cache(maxsize=64)
def _examined(text: str, file: str, collect: bool) -> tuple[Table, Sequence[Fault], Sequence[Fault]]:
    """A table, the faults of its cells and those of its rows; most are those of the version before."""
    table, faults = examine(csv_lines(text, file), file, collect=collect)
    return table, faults, [*shadows(table, file, faults)]


def _stem(name: str) -> str:
    """The name of a file without its folder and its ending."""
    return name.rpartition("/")[2].rpartition(".")[0]


def _is_process(name: str) -> bool:
    return name.startswith(PROCESSES) and name.endswith((".yaml", ".yml"))


def _columns(table: Table, shape: Shape, file: str) -> Iterator[Fault]:
    """An input nobody fills would never match, an output nobody reads would change nothing; each by one fault."""
    wanted = [*shape.inputs, *(OUTPUT + name for name in shape.outputs)]
    have = [*(column.name for column in table.columns), *(OUTPUT + name for name in table.outputs)]
    missing = [name for name in wanted if name not in have]
    for name in have:
        if name not in wanted and name not in shape.may:
            cure = meant(name, missing or [*wanted, *OWN])
            yield Fault(file, 1, name, said("this table has no such column%(cure)s", cure=cure))
            missing = [one for one in missing if one not in like(name, missing)[:1]]
    for name in missing:
        yield Fault(file, 1, name, said("this column is missing; a blank cell in it means any"))
    if shape.needs_all and not table.collect:
        yield Fault(file, 1, "id", said("this table counts every row that fits; write id:collect"))

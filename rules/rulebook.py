"""Everything a city decides for itself, as one checked whole: processes, tables, departments, categories, calendar.

A rulebook is built from texts, has a version (the hash of its content), and answers questions; every answer names the
row that decided.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rules.calendar import Calendar, Span, read_calendar
from rules.case import Complaint
from rules.departments import (
    Category,
    Department,
    District,
    read_categories,
    read_departments,
    read_districts,
)
from rules.faults import Fault, RulebookFaults, read_yaml
from rules.process import Process, read_process
from rules.routing import Route, district_in, route, split
from rules.tables import Table, read_table

T = TypeVar("T")

TABLES = {
    "catalogue": True,
    "deadlines": False,
    "ladder": True,
    "urgency": False,
    "keywords": False,
    "callback": False,
    "channels": True,
}
"""Table -> whether all matching rows count (else the first)."""


@dataclass(frozen=True, slots=True)
class Decided(Generic[T]):
    """A value and the id of the row that decided it (empty: nobody had to decide)."""

    value: T
    row: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: ``offset`` from the due moment, the letter, and whom it reaches."""

    name: str
    offset: Span
    letter: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class Rulebook:
    """One version of a city's rules."""

    version: str
    processes: Mapping[str, Process]
    departments: Mapping[str, Department]
    categories: Mapping[str, Category]
    districts: Mapping[str, District]
    calendar: Calendar
    tables: Mapping[str, Table]
    _ladders: dict[tuple[str, str], tuple[Rung, ...]]

    def process(self, name: str) -> Process:
        return self.processes[name]

    def process_for(self, _complaint: Complaint) -> str:
        """The process a new complaint follows."""
        return "standard"

    def department(self, code: str) -> Department:
        return self.departments[code]

    def category(self, code: str) -> Category:
        return self.categories[code]

    def district(self, code: str) -> District:
        return self.districts[code]

    def office(self, name: str) -> Department:
        """The department that serves as desk, supervision, leading_group or accountability."""
        return next(d for d in self.departments.values() if d.office == name)

    def classify(self, complaint: Complaint) -> Decided[str | None]:
        """The given category, else the keyword table's, else nobody's: then the duty desk decides."""
        if complaint.category:
            return Decided(complaint.category)
        row = self.tables["keywords"].first(text=f"{complaint.subject}\n{complaint.description}".casefold())
        return Decided(row.cells["category"] or None, row.id) if row and row.cells["category"] else Decided(None)

    def locate(self, complaint: Complaint) -> str | None:
        """The given district, else the one the address or the subject names."""
        return complaint.district or district_in(f"{complaint.address} {complaint.subject}", self.districts.values())

    def route(self, category: str | None, district: str | None) -> Route:
        return route(self.tables["catalogue"], self.departments, category, district)

    def urgency(self, complaint: Complaint, category: str | None) -> Decided[str]:
        text = f"{complaint.subject}\n{complaint.description}".casefold()
        row = self.tables["urgency"].first(category=category or "", type=complaint.type, text=text)
        return Decided(row.cells["urgency"], row.id) if row else Decided("normal")

    def deadline(self, process: str, clock: str, urgency: str) -> Decided[Span | None]:
        """How long ``clock`` may run; ``None`` where the table says ``none`` or says nothing."""
        row = self.tables["deadlines"].first(process=process, clock=clock, urgency=urgency)
        if row is None or row.cells["span"] in ("", "none"):
            return Decided(None, row.id if row else "")
        return Decided(_span(row.cells["span"]), row.id)

    def extensions(self, process: str, urgency: str) -> int:
        """How many extensions a case may have."""
        row = self.tables["deadlines"].first(process=process, clock="extension", urgency=urgency)
        return int(row.cells["times"] or 0) if row else 0

    def ladder(self, clock: str, urgency: str) -> tuple[Rung, ...]:
        """The rungs of a clock, in the order of the table; none for a clock nobody is late for."""
        key = (clock, urgency)
        if key not in self._ladders:
            rows = self.tables["ladder"].match(clock=clock, urgency=urgency)
            first = {row.cells["rung"]: row.cells for row in reversed(rows)}
            self._ladders[key] = tuple(
                Rung(c["rung"], _span(c["offset"]), c["letter"], tuple(split(c["to"])))
                for c in first.values()
                if c["letter"]
            )
        return self._ladders[key]

    def verdict(self, answer: str, solved: str, satisfied: int) -> Decided[str]:
        """Whether a callback is ``accepted`` or asks for a ``redo``."""
        row = self.tables["callback"].first(answer=answer, solved=solved, satisfied=satisfied)
        return Decided(row.cells["verdict"], row.id) if row else Decided("accepted")

    def channels(self) -> Mapping[str, Mapping[str, str]]:
        """Channel code -> labels by language (``zh``, ``en``)."""
        rows = self.tables["channels"].rows
        return {r.cells["channel"]: {"zh": r.cells["zh"], "en": r.cells["en"]} for r in rows}

    def find_category(self, text: str) -> str | None:
        """The node that a code or a label names."""
        wanted = text.strip().casefold()
        named = (c.code for c in self.categories.values() if wanted in (c.code, *map(str.casefold, c.label.values())))
        return next(named, None)

    def find_district(self, text: str) -> str | None:
        """The district that a code, a name or a short form names."""
        wanted = text.strip().casefold()
        fits = (d.code for d in self.districts.values() if wanted in (d.code, *_folded(d)))
        return next(fits, None)


def _folded(district: District) -> Iterator[str]:
    return (word.casefold() for word in (*district.name.values(), *district.words))


def _span(text: str) -> Span:
    return Span.parse(text)


def version_of(files: Mapping[str, str]) -> str:
    """Twelve hexadecimal digits that change with every character of the rulebook."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{files[name]}\0".encode())
    return digest.hexdigest()[:12]


def build(files: Mapping[str, str]) -> Rulebook:
    """A rulebook from its texts (relative path -> content). Raises :class:`RulebookFaults` with all faults at once."""
    from rules.check import check  # noqa: PLC0415 -- the check asks a built rulebook, so it cannot come first

    shelf = _Shelf(files)
    districts = shelf.read("districts.yaml", read_districts)
    departments = shelf.read("departments.yaml", lambda text, file: read_departments(text, file, districts or {}))
    categories = shelf.read("categories.yaml", read_categories)
    calendar = shelf.read("calendar.yaml", _calendar)
    processes = {p.name: p for p in shelf.processes()}
    tables = {name: shelf.read(f"{name}.csv", _reader(collect)) for name, collect in TABLES.items()}
    if not processes and not shelf.faults:
        shelf.faults.append(Fault("process/", 0, "", "there is no process; add process/standard.yaml"))
    if shelf.faults:
        raise RulebookFaults(shelf.faults)
    book = Rulebook(version_of(files), processes, departments, categories, districts, calendar, tables, {})  # type: ignore[arg-type]  # no faults: nothing is None
    if faults := list(check(book)):
        raise RulebookFaults(faults)
    return book


def _reader(collect: bool) -> Callable[[str, str], Table]:
    return lambda text, file: read_table(text, file, collect=collect)


def _calendar(text: str, file: str) -> Calendar:
    try:
        return read_calendar(read_yaml(text, file) or {})
    except (ValueError, TypeError) as wrong:
        raise RulebookFaults([Fault(file, 1, "", f"{wrong}; write days as 2027-02-14")]) from None


class _Shelf:
    """The texts of a rulebook while they are read; one broken file does not hide the faults of the next."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.faults: list[Fault] = []

    def read(self, name: str, reader: Callable[[str, str], T]) -> T | None:
        if name not in self.files:
            self.faults.append(Fault(name, 0, "", "is missing from the rulebook"))
            return None
        try:
            return reader(self.files[name], name)
        except RulebookFaults as wrong:
            self.faults.extend(wrong.faults)
            return None

    def processes(self) -> Iterator[Any]:
        for name in sorted(self.files):
            if name.startswith("process/") and name.endswith((".yaml", ".yml")):
                process = self.read(name, read_process)
                if process is not None:
                    yield process

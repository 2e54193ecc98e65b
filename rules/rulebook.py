"""Everything a city decides for itself, as one checked whole: processes, tables, departments, categories, calendar.

A rulebook is built from texts, has a version (the hash of its content), and answers questions; every answer names the
row that decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

from rules.calendar import Calendar, Span
from rules.case import Complaint
from rules.categories import Category, Names
from rules.departments import Department, District
from rules.faults import Fault, RulebookFaults
from rules.process import Process
from rules.reading import Reading, version_of
from rules.remembered import remembered
from rules.routing import Places, Route, route, split
from rules.tables import Row, Table
from rules.tenure import day_of, heir, heirs, holds, turns

__all__ = ["Decided", "Rulebook", "RulebookFaults", "Rung", "build", "examine", "load", "version_of"]

T = TypeVar("T")

STANDARD = "standard"
NO_LADDER = "none"
"""A ladder row with this rung says that nobody is late for its clock."""
_ROUGHLY = {"min": 1, "h": 60, "d": 1440, "wd": 1440}


@dataclass(frozen=True, slots=True)
class Decided(Generic[T]):
    """A value and the id of the row that decided it (empty: nobody had to decide)."""

    value: T
    row: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: ``offset`` from the due moment, the letter, whom it reaches, the row that says so."""

    name: str
    offset: Span
    letter: str
    to: tuple[str, ...]
    row: str = ""


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
    _answers: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def process(self, name: str) -> Process:
        return self.processes[name]

    def process_for(self, complaint: Complaint, at: datetime | None = None) -> Decided[str]:
        """The process a new complaint follows; a rulebook without the table knows the standard one only."""
        if "processes" not in self.tables:
            return Decided(STANDARD)
        category = self.classify(complaint, at).value
        urgency = self.urgency(complaint, category, at).value
        known = {"type": complaint.type, "channel": complaint.channel, "urgency": urgency, "category": category}
        row = self.tables["processes"].first(at, **known)
        return Decided(row.cells["process"], row.id) if row else Decided(STANDARD)

    def department(self, code: str, at: datetime | None = None) -> Department:
        """A department, also one that has ended; at a moment with whoever is in office then."""
        found = self.departments[code]
        return found if at is None else found.on(day_of(at))

    @remembered
    def owners(self, *, at: datetime | None = None) -> Mapping[str, Department]:
        """Code -> the department that may own a case under that name: itself, or its successor. Without a moment
        everybody who ever could."""
        return self.departments if at is None else heirs(self.departments, day_of(at))

    def departments_there(self, at: datetime | None) -> list[str]:
        """Codes of the departments that are there at a moment under their own name."""
        return [code for code, owner in self.owners(at=at).items() if owner.code == code]

    def successor(self, code: str, *, at: datetime) -> str | None:
        """Who answers at a moment for what ``code`` answered for; ``None`` when nobody does."""
        found = self.owners(at=at).get(code)
        return found.code if found else None

    @remembered
    def open_categories(self, *, at: datetime | None = None) -> Mapping[str, Category]:
        """What a new complaint may be about at a moment."""
        known = self.categories
        return known if at is None else {code: c for code, c in known.items() if holds(c, day_of(at))}

    def category(self, code: str) -> Category:
        return self.categories[code]

    def district(self, code: str) -> District:
        return self.districts[code]

    def office(self, name: str) -> Department:
        """The department that serves as desk, supervision, leading_group or accountability."""
        return self.offices[name]

    def classify(self, complaint: Complaint, at: datetime | None = None) -> Decided[str | None]:
        """The given category, else the keyword table's, else nobody's: then the duty desk decides."""
        given = self.find_category(complaint.category or "", at)
        if given:
            return Decided(given)
        row = self.tables["keywords"].first(at, text=_text(complaint))
        found = self.find_category(row.cells["category"], at) if row else None
        return Decided(found, row.id) if row and found else Decided(None)

    def locate(self, complaint: Complaint) -> str | None:
        """The given district, else the one the address or the subject names."""
        given = self.find_district(complaint.district or "")
        return given or self._places.find(f"{complaint.address} {complaint.subject}")

    @remembered
    def route(self, category: str | None, district: str | None, *, at: datetime | None = None) -> Route:
        """Who leads and who joins in; somebody always owns it."""
        return route(self.tables["catalogue"], self.owners(at=at), category, district, at)

    def urgency(self, complaint: Complaint, category: str | None, at: datetime | None = None) -> Decided[str]:
        row = self.tables["urgency"].first(at, category=category, type=complaint.type, text=_text(complaint))
        return Decided(row.cells["urgency"], row.id) if row else Decided("normal")

    @remembered
    def deadline(self, process: str, clock: str, urgency: str, *, at: datetime | None = None) -> Decided[Span | None]:
        """How long a ``clock`` that starts at ``at`` may run; ``None`` where the table says ``none``."""
        row = self.tables["deadlines"].first(at, process=process, clock=clock, urgency=urgency)
        if row is None or row.cells["span"] in ("", "none"):
            return Decided(None, row.id if row else "")
        return Decided(Span.parse(row.cells["span"]), row.id)

    @remembered
    def extensions(self, process: str, urgency: str, *, at: datetime | None = None) -> int:
        """How many extensions a case may have."""
        row = self.tables["deadlines"].first(at, process=process, clock="extension", urgency=urgency)
        return int(row.cells["times"] or 0) if row else 0

    @remembered
    def ladder(self, clock: str, urgency: str, process: str = "", *, at: datetime | None = None) -> tuple[Rung, ...]:
        """The rungs of a clock in order of time, of each the first row that fits; none where nobody is late."""
        rows = self.tables["ladder"].match(at, process=process, clock=clock, urgency=urgency)
        if not rows or rows[0].cells["rung"] == NO_LADDER:
            return ()
        rungs = [_rung(row) for row in {row.cells["rung"]: row for row in reversed(rows)}.values()]
        return tuple(sorted(rungs, key=lambda r: r.offset.amount * _ROUGHLY[r.offset.unit]))

    @remembered
    def verdict(self, answer: str, solved: str, satisfied: int, *, at: datetime | None = None) -> Decided[str]:
        """Whether a callback is ``accepted`` or asks for a ``redo``."""
        row = self.tables["callback"].first(at, answer=answer, solved=solved, satisfied=satisfied)
        return Decided(row.cells["verdict"], row.id) if row else Decided("accepted")

    @remembered
    def channels(self) -> Mapping[str, Mapping[str, str]]:
        """Channel code -> labels by language (``zh``, ``en``)."""
        rows = self.tables["channels"].rows
        return {r.cells["channel"]: {"zh": r.cells["zh"], "en": r.cells["en"]} for r in rows}

    def find_category(self, text: str, at: datetime | None = None) -> str | None:
        """The node that a code, the end of a code, a label or a path of labels names; ``None`` when several fit.

        At a moment it is one that is open then: of a closed one the successor, if it has any.
        """
        code = self._names.find(text)
        return heir(self.categories, code, day_of(at)) if code and at else code

    def find_district(self, text: str) -> str | None:
        """The district that a code, a name or a short form names."""
        return self._places.named(text)

    @cached_property
    def turns(self) -> list[int]:
        """The days on which any table, department or category changes."""
        of_tables = {turn for table in self.tables.values() for turn in table.turns}
        return sorted(of_tables.union(turns(self.departments.values()), turns(self.categories.values())))

    @cached_property
    def offices(self) -> Mapping[str, Department]:
        return {d.office: d for d in self.departments.values() if d.office}

    @cached_property
    def _places(self) -> Places:
        return Places(self.districts.values())

    @cached_property
    def _names(self) -> Names:
        return Names(self.categories)


def _rung(row: Row) -> Rung:
    cells = row.cells
    return Rung(cells["rung"], Span.parse(cells["offset"]), cells["letter"], tuple(split(cells["to"])), row.id)


def _text(complaint: Complaint) -> str:
    return f"{complaint.subject}\n{complaint.description}"


def build(files: Mapping[str, str]) -> Rulebook:
    """A rulebook from its texts (relative path -> content). Raises :class:`RulebookFaults` with all faults at once."""
    book, faults = examine(files)
    if faults:
        raise RulebookFaults(faults)
    return book


def examine(files: Mapping[str, str]) -> tuple[Rulebook, list[Fault]]:
    """A rulebook as far as it can be read, and all its faults: with any of them nobody may work by it."""
    from rules.check import check  # noqa: PLC0415 -- the check knows the stages, which know the rulebook

    reading = Reading(files)
    book = _read(reading)
    return book, check(book, reading)


def load(files: Mapping[str, str]) -> Rulebook:
    """A rulebook that was approved before: what today's check would say of it must not stop a running case.

    A file it lacks is empty. Raises :class:`RulebookFaults` only for a file of which nothing can be used.
    """
    reading = Reading(files, approved=True)
    book = _read(reading)
    if wrong := [fault for fault in reading.faults if fault.file in reading.lost & files.keys()]:
        raise RulebookFaults(wrong)
    return book


def _read(reading: Reading) -> Rulebook:
    districts, processes = reading.districts(), reading.processes()
    tables = reading.tables(processes.values())
    parts = reading.departments(districts), reading.categories(), districts, reading.calendar()
    return Rulebook(version_of(reading.files), processes, *parts, tables)

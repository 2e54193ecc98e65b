"""Everything a city decides for itself, as one checked whole: processes, tables, departments, categories, calendar.

A rulebook is built from texts, has a version (the hash of its content), and answers questions; every answer names the
row that decided.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from rules.calendar import Calendar, Span
from rules.case import Complaint
from rules.departments import SEPARATOR, Category, Department, District
from rules.faults import Fault, RulebookFaults
from rules.process import Process
from rules.reading import Reading, version_of
from rules.routing import Places, Route, route, split
from rules.tables import MEMO_LIMIT, Row, Table, spell

__all__ = ["Decided", "Rulebook", "RulebookFaults", "Rung", "build", "examine", "load", "version_of"]

T = TypeVar("T")
P = ParamSpec("P")

STANDARD = "standard"
NO_LADDER = "none"
"""A ladder row with this rung says that nobody is late for its clock."""
_ROUGHLY = {"min": 1, "h": 60, "d": 1440, "wd": 1440}
_STEPS = re.compile(r"\s*[/>›＞→|]\s*")


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


def _remembered(ask: Callable[Concatenate[Rulebook, P], T]) -> Callable[Concatenate[Rulebook, P], T]:
    """Answers are kept with the rulebook: the same few questions are asked hundreds of thousands of times.

    ``at`` is always given by name; an answer holds from one turn of the tables to the next.
    """

    @wraps(ask)
    def remember(self: Rulebook, /, *args: P.args, **named: P.kwargs) -> T:
        key = (ask.__name__, args, spell(self._turns, named["at"]) if self._turns and "at" in named else 0)  # type: ignore[arg-type]  # a moment
        if key not in self._answers:
            if len(self._answers) >= MEMO_LIMIT:
                self._answers.clear()
            self._answers[key] = ask(self, *args, **named)
        return self._answers[key]  # type: ignore[no-any-return]  # the answers of one question are of one type

    return remember


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

    def process_for(self, _complaint: Complaint) -> str:
        """The process a new complaint follows."""
        return STANDARD

    def department(self, code: str) -> Department:
        return self.departments[code]

    def successor(self, code: str, *, at: datetime) -> str | None:
        """Who answers at a moment for what ``code`` answered for; ``None`` when nobody does."""
        return code if code in self.departments else None

    def category(self, code: str) -> Category:
        return self.categories[code]

    def district(self, code: str) -> District:
        return self.districts[code]

    def office(self, name: str) -> Department:
        """The department that serves as desk, supervision, leading_group or accountability."""
        return self._offices[name]

    def classify(self, complaint: Complaint, at: datetime | None = None) -> Decided[str | None]:
        """The given category, else the keyword table's, else nobody's: then the duty desk decides."""
        given = self.find_category(complaint.category or "")
        if given:
            return Decided(given)
        row = self.tables["keywords"].first(at, text=_text(complaint))
        return Decided(row.cells["category"], row.id) if row and row.cells["category"] else Decided(None)

    def locate(self, complaint: Complaint) -> str | None:
        """The given district, else the one the address or the subject names."""
        given = self.find_district(complaint.district or "")
        return given or self._places.find(f"{complaint.address} {complaint.subject}")

    @_remembered
    def route(self, category: str | None, district: str | None, *, at: datetime | None = None) -> Route:
        """Who leads and who joins in; somebody always owns it."""
        return route(self.tables["catalogue"], self.departments, category, district, at)

    def urgency(self, complaint: Complaint, category: str | None, at: datetime | None = None) -> Decided[str]:
        row = self.tables["urgency"].first(at, category=category, type=complaint.type, text=_text(complaint))
        return Decided(row.cells["urgency"], row.id) if row else Decided("normal")

    @_remembered
    def deadline(self, process: str, clock: str, urgency: str, *, at: datetime | None = None) -> Decided[Span | None]:
        """How long a ``clock`` that starts at ``at`` may run; ``None`` where the table says ``none``."""
        row = self.tables["deadlines"].first(at, process=process, clock=clock, urgency=urgency)
        if row is None or row.cells["span"] in ("", "none"):
            return Decided(None, row.id if row else "")
        return Decided(Span.parse(row.cells["span"]), row.id)

    @_remembered
    def extensions(self, process: str, urgency: str, *, at: datetime | None = None) -> int:
        """How many extensions a case may have."""
        row = self.tables["deadlines"].first(at, process=process, clock="extension", urgency=urgency)
        return int(row.cells["times"] or 0) if row else 0

    @_remembered
    def ladder(self, clock: str, urgency: str, *, at: datetime | None = None) -> tuple[Rung, ...]:
        """The rungs of a clock in order of time, of each the first row that fits; none where nobody is late."""
        rows = self.tables["ladder"].match(at, clock=clock, urgency=urgency)
        if not rows or rows[0].cells["rung"] == NO_LADDER:
            return ()
        rungs = [_rung(row) for row in {row.cells["rung"]: row for row in reversed(rows)}.values()]
        return tuple(sorted(rungs, key=lambda r: r.offset.amount * _ROUGHLY[r.offset.unit]))

    @_remembered
    def verdict(self, answer: str, solved: str, satisfied: int, *, at: datetime | None = None) -> Decided[str]:
        """Whether a callback is ``accepted`` or asks for a ``redo``."""
        row = self.tables["callback"].first(at, answer=answer, solved=solved, satisfied=satisfied)
        return Decided(row.cells["verdict"], row.id) if row else Decided("accepted")

    def channels(self) -> Mapping[str, Mapping[str, str]]:
        """Channel code -> labels by language (``zh``, ``en``)."""
        rows = self.tables["channels"].rows
        return {r.cells["channel"]: {"zh": r.cells["zh"], "en": r.cells["en"]} for r in rows}

    def find_category(self, text: str) -> str | None:
        """The node that a code, the end of a code, a label or a path of labels names; ``None`` when several fit."""
        return self._category_names.get(SEPARATOR.join(_STEPS.split(text.strip().casefold())))

    def find_district(self, text: str) -> str | None:
        """The district that a code, a name or a short form names."""
        return self._places.named(text)

    @cached_property
    def _turns(self) -> list[int]:
        """The days on which any table changes."""
        return sorted({turn for table in self.tables.values() for turn in table.turns})

    @cached_property
    def _offices(self) -> Mapping[str, Department]:
        return {d.office: d for d in self.departments.values() if d.office}

    @cached_property
    def _places(self) -> Places:
        return Places(self.districts.values())

    @cached_property
    def _category_names(self) -> Mapping[str, str | None]:
        """Every way to name a node -> its code; ``None`` for a name that several share."""
        names: dict[str, str | None] = {}
        for code, node in self.categories.items():
            steps = code.split(SEPARATOR)
            ends = (SEPARATOR.join(steps[n:]) for n in range(1, len(steps)))
            names |= {way: None if way in names else code for way in {*ends, *map(str.casefold, node.label.values())}}
        for code, node in self.categories.items():
            for language in node.label:
                names[SEPARATOR.join(self.categories[c].label[language].casefold() for c in node.path)] = code
        return names | {code: code for code in self.categories}


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
    districts, processes, tables = reading.districts(), reading.processes(), reading.tables()
    parts = reading.departments(districts), reading.categories(), districts, reading.calendar()
    return Rulebook(version_of(reading.files), processes, *parts, tables)

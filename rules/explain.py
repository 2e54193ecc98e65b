"""Every decision can be explained: what would happen to a complaint now, when, by whom, and which row says so.

The answer is not calculated a second time: the complaint is carried by ``decide`` to where it first waits for somebody,
and what the entries say is looked up in the tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rules.calendar import Span
from rules.case import CITIZEN, Case, Complaint, Entry, Role, Signal
from rules.clocks import RungTime, rung_times
from rules.decide import PROCEED, decide, submit
from rules.evolve import fold
from rules.parties import party_of
from rules.process import ClockSpec, Process
from rules.rulebook import Rulebook

EXTENSION = "extension"
LIMITS = {"return": "return", EXTENSION: "extend"}
"""Deadlines that never run as a clock -> the action they limit."""


@dataclass(frozen=True, slots=True)
class Source:
    """The row that decided: ``line`` of the table's file, and the sentence of the policy it serves."""

    table: str
    row: str
    line: int
    clause: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is known, a code of the rulebook. ``how``: ``row``, a row decided; ``given``, the complaint says
    so; ``address``, its text names it; ``person``, the desk decides, and the value is only what the tables propose."""

    value: str | None
    how: str
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a rung of the ladder reaches: a department, and the person there."""

    party: str
    person: str


@dataclass(frozen=True, slots=True)
class Step:
    """A rung of the ladder at its moment (UTC)."""

    rung: str
    at: datetime
    letter: str
    told: tuple[Told, ...]
    source: Source | None


@dataclass(frozen=True, slots=True)
class Deadline:
    """A clock of one party. ``runs``: it starts with the complaint; else ``due_at`` holds if its stage began then too.

    ``stage`` is empty for a clock of the whole case; ``on_due`` is the outcome that silence has.
    """

    stage: str
    clock: str
    holder: str
    span: Span
    due_at: datetime
    runs: bool
    on_due: str
    source: Source | None
    ladder: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """``return``: until when the lead may return the case; ``extension``: how much more time, and how often."""

    name: str
    span: Span
    until: datetime | None
    times: int
    source: Source | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything the rulebook ``version`` says of a complaint received at ``at``."""

    version: str
    at: datetime
    process: Finding
    category: Finding
    district: Finding
    urgency: Finding
    lead: Finding
    partners: tuple[str, ...]
    stage: str
    deadlines: tuple[Deadline, ...]
    limits: tuple[Limit, ...]
    provisional: tuple[int, ...]
    """Years of these deadlines for which no notice of public holidays is out yet."""


def explain(rulebook: Rulebook, complaint: Complaint, at: datetime) -> Explanation:
    """What ``rulebook`` makes of ``complaint`` at ``at`` (aware)."""
    entries = submit(rulebook, "", complaint, at)
    while (case := fold("", entries)).is_moving:
        entries += decide(rulebook, case, Signal(PROCEED, complaint=complaint), at)
    return _Explainer(rulebook, complaint, at, case, entries).explanation()


class _Explainer:
    """The case where it first waits, and the rows that brought it there."""

    def __init__(
        self, book: Rulebook, complaint: Complaint, at: datetime, case: Case, entries: Sequence[Entry]
    ) -> None:
        self.book, self.complaint, self.at, self.case = book, complaint, at, case
        self.rows: dict[str, str] = {k: v for entry in entries for k, v in entry.data.get("rows", {}).items()}
        self.of_process: Mapping[str, Any] = entries[0].data.get("rows", {})

    def explanation(self) -> Explanation:
        book, case = self.book, self.case
        proposed = book.route(case.category, case.district, at=self.at)
        lead, partners = (case.lead, case.partners) if case.lead else (proposed.lead, proposed.partners)
        chosen = next((self.source(table, row) for table, row in self.of_process.items()), None)
        deadlines = tuple(self._deadlines(lead, partners))
        years = sorted({moment.year for d in deadlines for moment in (d.due_at, *(step.at for step in d.ladder))})
        return Explanation(
            version=book.version,
            at=self.at,
            process=Finding(case.process, "row" if chosen else "given", chosen),
            category=self._category(),
            district=Finding(case.district, self._how_placed()),
            urgency=self._by_row("urgency", case.urgency),
            lead=Finding(lead, "row" if case.lead else "person", self.source("catalogue", proposed.row)),
            partners=tuple(partners),
            stage=case.stage,
            deadlines=deadlines,
            limits=tuple(self._limits()),
            provisional=tuple(year for year in years if book.calendar.provisional(year)),
        )

    def source(self, table: str, id: str) -> Source | None:
        row = self.book.tables[table].row(id) if table in self.book.tables else None
        return Source(table, row.id, row.line, row.clause) if row else None

    def _by_row(self, table: str, value: str | None) -> Finding:
        source = self.source(table, self.rows.get(table, ""))
        return Finding(value, "row" if source else "given", source)

    def _category(self) -> Finding:
        found = self._by_row("keywords", self.case.category)
        return found if found.value else Finding(None, "person")

    def _how_placed(self) -> str:
        if self.case.district is None:
            return "person"
        return "given" if self.book.find_district(self.complaint.district or "") else "address"

    def _deadlines(self, lead: str, partners: Sequence[str]) -> Iterator[Deadline]:
        parties = {Role.LEAD: [lead], Role.PARTNER: partners, Role.CITIZEN: [CITIZEN]}
        process, led = self.book.process(self.case.process), replace(self.case, lead=lead, partners=tuple(partners))
        for stage, name, spec in _clocks(process):
            party = [party_of(self.book, led, process.stages[stage], self.at)] if stage else []
            for holder in parties.get(spec.holder, party):
                yield from self._deadline(stage, name, spec, holder)

    def _deadline(self, stage: str, name: str, spec: ClockSpec, holder: str) -> Iterator[Deadline]:
        case, book = self.case, self.book
        decided = book.deadline(case.process, name, case.urgency, at=self.at)
        if decided.value is None:
            return
        runs = any(c.runs and (c.name, c.stage) == (name, stage) for c in case.clocks)
        due = book.calendar.add(self.at, decided.value)
        timed = () if spec.on_due else self._rungs(name, due)
        ladder = tuple(
            Step(t.rung.name, t.at, t.rung.letter, self._told(t.rung.to, holder), self.source("ladder", t.rung.row))
            for t in timed
        )
        source = self.source("deadlines", decided.row)
        yield Deadline(stage, name, holder, decided.value, due, runs, spec.on_due, source, ladder)

    def _rungs(self, clock: str, due: datetime) -> list[RungTime]:
        return rung_times(self.book, clock, self.case.urgency, since=self.at, due=due, process=self.case.process)

    def _told(self, to: Sequence[str], holder: str) -> tuple[Told, ...]:
        return tuple(self._person(one, holder) for one in to)

    def _person(self, to: str, holder: str) -> Told:
        department = self.book.department(holder) if to in ("handler", "head") else self.book.office(to)
        return Told(department.code, (department.handler if to == "handler" else department.head).name)

    def _limits(self) -> Iterator[Limit]:
        book, process, urgency = self.book, self.case.process, self.case.urgency
        for name in self._limited():
            decided = book.deadline(process, name, urgency, at=self.at)
            if decided.value is not None:
                extends = name == EXTENSION
                times = book.extensions(process, urgency, at=self.at) if extends else 1
                until = None if extends else book.calendar.add(self.at, decided.value)
                yield Limit(name, decided.value, until, times, self.source("deadlines", decided.row))

    def _limited(self) -> list[str]:
        """Limits of what the lead may do where the case waits; anywhere, while it has none."""
        stages = self.book.process(self.case.process).stages
        here = [stages[self.case.stage]] if self.case.lead else stages.values()
        offered = {action for stage in here for action in stage.actions.get(Role.LEAD, ())}
        return [name for name, action in LIMITS.items() if action in offered]


def _clocks(process: Process) -> Iterator[tuple[str, str, ClockSpec]]:
    """Stage (empty: the whole case), name and description of every clock, in the order of the process."""
    for name, spec in process.clocks.items():
        yield "", name, spec
    for stage in process.stages.values():
        for name, spec in stage.clocks.items():
            yield stage.name, name, spec

"""一案一流程: what of a case decides what may happen next, without its moments and its texts.

Thousands of cases stand in the same situation. Departments are told apart only as far as the rules can tell them
apart: in one situation the lead is "the first department named", whoever that is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rules.case import Assignment, Case, Clock, Role
from rules.parties import ABOVE
from rules.process import Process
from rules.rulebook import Rulebook

Party = int | str
"""A department by its place among those of the case, or by its code where the rules know it by name."""


@dataclass(frozen=True, slots=True)
class OpenClock:
    """A clock that has not been stopped; its moments are those of the life."""

    id: str
    name: str
    holder: Party
    assignment: str | None
    on_due: str


@dataclass(frozen=True, slots=True)
class Duty:
    """An assignment that has not ended."""

    id: str
    role: str
    party: Party
    stage: str
    claimed: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a case stands. Two cases in one situation answer every signal alike, but for their moments."""

    id: int
    process: str
    stage: str
    urgency: str
    visits: int
    """How many stages were entered so far."""
    lead: Party | None
    partners: Sequence[Party]
    clocks: Sequence[OpenClock]
    duties: Sequence[Duty]
    actions: Mapping[str, Sequence[str]]
    """Role -> what the stage gives it to do."""
    is_moving: bool
    result: str | None
    category: str | None = None
    """What the case is about, where the rules look at it; cases of many categories stand in one situation elsewhere."""
    working: Sequence[bool] = field(default=())
    """Of each clock: whether its time is working time."""


class Spoken:
    """Which departments the rules of one rulebook know by name, and which facts its tables look at."""

    def __init__(self, book: Rulebook) -> None:
        self._book, self._dated = book, bool(book.turns)
        named = {name for p in book.processes.values() for stage in p.stages.values() for name in stage.party}
        self._special = {d.code for d in book.offices.values()} | named
        self._fresh = {n for n, p in book.processes.items() if any(s.party for s in p.stages.values())}
        self._facts = {name: _facts(book, process) for name, process in book.processes.items()}

    def plain(self, process: str, at: datetime) -> frozenset[str]:
        """Departments that nothing but the catalogue names, at a moment; none where the rules ask who is above whom,
        or which department leads."""
        stages = self._book.process(process).stages.values()
        if "lead" in self._facts[process] or any(ABOVE in stage.party for stage in stages):
            return frozenset()
        return frozenset(self._book.departments_there(at)) - self._special

    def key(self, case: Case, plain: frozenset[str]) -> tuple[tuple[Any, ...], list[str]]:
        """What tells this situation from others, and the departments it counts, in order."""
        known: dict[str, int] = {}

        def party(code: str | None) -> Party | None:
            return known.setdefault(code, len(known)) if code in plain and code is not None else code

        facts = self._asked(case)
        key = (
            *(getattr(case, name) for name in _COUNTED),
            party(case.lead),
            tuple([party(code) for code in case.partners]),
            tuple([party(code) for code in self._to_lead(case)]),
            tuple([getattr(case, name) for name in sorted(facts)]),
            tuple(sorted(case.visits.items())),
            bool(case.explanation), bool(case.plan), bool(case.rating), bool(case.review),
            _dispute(case, party), _pause(case), tuple(sorted(case.pauses.items())),
            tuple([_assignment(a, party) for a in self._that_count(case)]),
            tuple(sorted(Counter(a.role for a in case.assignments).items())),
            tuple([(*_clock(c), party(c.holder), c.paused_at is not None) for c in case.clocks if c.is_open]),
            tuple(sorted(Counter(c.name for c in case.clocks).items())),
        )  # fmt: skip
        return key, list(known)

    def _asked(self, case: Case) -> frozenset[str]:
        """Facts that somebody will ask for."""
        facts = self._facts.get(case.process, frozenset())
        if case.lead is None and self._dated:  # whoever is to lead, the catalogue of that day will say
            facts |= {"category", "district"}
        return facts

    def category(self, case: Case) -> str | None:
        """What the case is about, where the rules look at it."""
        return case.category if "category" in self._asked(case) else None

    def _to_lead(self, case: Case) -> Sequence[str]:
        """Whom the catalogue will ask while nobody leads: lead and partners."""
        if case.lead is not None or self._dated:
            return ()
        route = self._book.route(case.category, case.district)
        return (route.lead, *route.partners)

    def _that_count(self, case: Case) -> Iterator[Assignment]:
        """Open duties, the last lead's, and all of them where somebody is wanted who had no hand in the case."""
        leads = [a for a in case.assignments if a.role == Role.LEAD]
        for a in case.assignments:
            if a.is_open or case.process in self._fresh or a in leads[-1:]:
                yield a


_COUNTED = (
    "process", "stage", "outcome", "urgency", "ruled", "returns", "extensions", "redos", "contests", "appeals",
    "reviews", "answer", "final", "result",
)  # fmt: skip
_TABLED = frozenset({"category", "district", "type", "channel"})


def _facts(book: Rulebook, process: Process) -> frozenset[str]:
    """Facts of the complaint and the lead, as far as a table of this process asks for them."""
    tables = {spec.table for stage in process.stages.values() for spec in stage.guards.values()}
    tables |= {name for stage in process.stages.values() for name in stage.chosen_by.values()}
    asked = {column.field for name in tables for column in book.tables[name].columns}
    return frozenset(asked & (_TABLED | {"lead"}))


def _dispute(case: Case, party: Any) -> Any:
    d = case.dispute
    return d and (d["why"], party(d["by"]), party(d.get("department")))


def _pause(case: Case) -> Any:
    return case.pause and (case.pause["cause"], case.pause["assignment"])


def _assignment(a: Assignment, party: Any) -> tuple[Any, ...]:
    done = (a.claimed_at is not None, a.contacted_at is not None, a.ended_at is not None)
    return (a.id, party(a.party), a.role, a.stage, a.ruled, *done, a.how)


def _clock(clock: Clock) -> tuple[Any, ...]:
    return (clock.id, clock.name, clock.assignment, clock.stage, clock.on_due)


def situation(id: int, case: Case, book: Rulebook, parties: Sequence[str], *, category: str | None = None) -> Situation:
    """The situation of ``case``, whose departments are ``parties`` in this order."""
    places: dict[str, int] = {code: n for n, code in enumerate(parties)}

    def party(code: str | None) -> Any:
        return places.get(code or "", code)

    process = book.process(case.process)
    stage = process.stages.get(case.stage)
    clocks = [c for c in case.clocks if c.is_open]
    given = {str(role): actions for role, actions in stage.actions.items()} if stage and not case.is_moving else {}
    spans = [book.deadline(case.process, c.name, case.urgency, at=c.started_at).value for c in clocks]
    return Situation(
        id, case.process, case.stage, str(case.urgency), sum(case.visits.values()), party(case.lead),
        tuple([party(code) for code in case.partners]),
        tuple([OpenClock(c.id, c.name, party(c.holder), c.assignment, c.on_due) for c in clocks]),
        tuple([Duty(a.id, a.role, party(a.party), a.stage, a.claimed_at is not None) for a in case.open_assignments()]),
        given, case.is_moving, case.result, category,
        tuple([span is not None and span.unit == "wd" for span in spans]),
    )  # fmt: skip

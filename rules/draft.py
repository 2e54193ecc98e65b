"""decide says what a signal means: a :class:`Draft` is the working copy in which the stages write their entries.

Every entry is folded at once, so that what is decided next already sees what was decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rules.calendar import Span
from rules.case import CITIZEN, CLOSED, Assignment, Case, Clock, Data, Entry, Role, Signal
from rules.clocks import next_rung
from rules.evolve import evolve
from rules.fields import Field
from rules.guards import turned
from rules.process import Process, Stage

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

WHOLE_CASE = "whole_case"


class Draft:
    """The case under one signal at ``now`` (aware, UTC), and the entries decided so far."""

    def __init__(self, rulebook: Rulebook, case: Case, signal: Signal, now: datetime) -> None:
        self.rulebook = rulebook
        self.case = case
        self.signal = signal
        self.now = now
        self.entries: list[Entry] = []
        self.rows: dict[str, str] = {}
        """Rows that decided something on the way to the next entry: table -> row id."""

    @property
    def process(self) -> Process:
        return self.rulebook.process(self.case.process)

    @property
    def stage(self) -> Stage:
        return self.process.stages[self.case.stage]

    @property
    def own(self) -> Assignment:
        """The assignment the signal was given under."""
        assignment = self.case.assignment(self.signal.assignment or "")
        if assignment is None:
            raise LookupError(f"{self.case.number} has no assignment {self.signal.assignment!r}")
        return assignment

    def add(self, kind: str, **data: Any) -> None:
        """Append an entry by the signal's actor; empty fields are left out, so that the ledger stays small."""
        if self.rows:
            data["rows"], self.rows = {**(data.get("rows") or {}), **self.rows}, {}
        kept = {name: value for name, value in data.items() if value not in (None, False, (), [], {}, "")}
        entry = Entry(kind, self.now, self.signal.actor, kept)
        self.entries.append(entry)
        self.case = evolve(self.case, entry)

    def finish(self, kind: str, outcome: str, **data: Any) -> None:
        """Append the entry that ends the present stage: its assignments end and its clocks stop; a clock of the whole
        case that stood still goes on, unless this is the end. Where the process lets a table choose, the outcome may
        become another one."""
        outcome = turned(self, outcome)
        still = [] if self.stage.outcomes.get(outcome) == CLOSED else [c for c in self.case.clocks if c.paused_at]
        goes_on = [self.going_on(c) for c in still if c.is_open and c.name == WHOLE_CASE]
        self.add(kind, outcome=outcome, end=self.endings(), stop=self.stage_clocks(), resume=goes_on, **data)

    def endings(self) -> dict[str, str]:
        """Open assignments of the present stage -> how they end; the citizen's lasts until the case is closed."""
        ended = {a.id: "stage_ended" for a in self.case.open_assignments() if a.role != Role.CITIZEN}
        if self.signal.assignment in ended:
            ended[self.signal.assignment] = self.signal.action
        return ended

    def stage_clocks(self) -> list[str]:
        return [c.id for c in self.case.clocks if c.is_open and c.name != WHOLE_CASE]

    def clocks_of(self, action: str, assignment: Assignment) -> list[str]:
        """Clocks of ``assignment`` that ``action`` stops."""
        specs = self.stage.clocks
        stopped = {name for name, spec in specs.items() if spec.stopped_by == action}
        return [c.id for c in self.case.clocks if c.is_open and c.name in stopped and c.assignment == assignment.id]

    def open(self, role: Role, party: str, *, nth: int = 1, **more: Any) -> dict[str, Any]:
        """An assignment to open; ``nth`` counts several of one role opened by one entry."""
        count = sum(a.role == role for a in self.case.assignments) + nth
        return {"id": f"{role}-{count}", "party": party, "role": str(role)} | {k: v for k, v in more.items() if v}

    def clocks_for(
        self, stage: Stage, role: Role, holder: str, *, nth: int = 1, without: Collection[str] = (), **more: Any
    ) -> list[dict[str, Any]]:
        """The clocks of ``stage`` that ``role`` holds, in the order of the process file, but those ``without``."""
        mine = [(name, spec) for name, spec in stage.clocks.items() if spec.holder == role and name not in without]
        timed = (self.clock(n, holder, nth=nth, stage=stage.name, on_due=spec.on_due, **more) for n, spec in mine)
        return [clock for several in timed for clock in several]

    def clock(
        self, name: str, holder: str, *, nth: int = 1, urgency: str = "", since: datetime | None = None, **more: Any
    ) -> list[dict[str, Any]]:
        """The clock ``name`` as a list of one, or none when the rulebook sets no deadline for it.

        ``since``: when it started (default now); ``more``: ``stage``, ``assignment``, ``on_due``.
        """
        case, book = self.case, self.rulebook
        urgency, start = urgency or case.urgency, since or self.now
        span = book.deadline(case.process, name, urgency, at=start)
        if span.value is None:
            return []
        due = book.calendar.add(start, span.value)
        rung = next_rung(book, name, urgency, since=start, due=due, process=case.process)
        at = due if more.get("on_due") else rung.at if rung else None
        count = sum(c.name == name for c in case.clocks) + nth
        timed = {
            "due": due.isoformat(),
            "next": at and at.isoformat(),
            "since": since and since.isoformat(),
            "row": span.row,
        }
        spec = {"id": f"{name}-{count}", "name": name, "holder": holder, **timed, **more}
        return [{k: v for k, v in spec.items() if v and not (k == "stage" and "assignment" in more)}]

    def going_on(self, clock: Clock) -> dict[str, Any]:
        """How a clock that stood still runs again now: with the time it had left, or as late as it was."""
        book, case, due = self.rulebook, self.case, self._due_after(clock)
        since, process = clock.started_at, case.process
        rung = next_rung(book, clock.name, case.urgency, since=since, due=due, after=clock.rung, process=process)
        at = due if clock.on_due else rung.at if rung else None
        return {"id": clock.id, "due": due.isoformat()} | ({"next": at.isoformat()} if at else {})

    def _due_after(self, clock: Clock) -> datetime:
        """Working time that was left is left now; a clock that runs round the clock just moves."""
        since, book, case = clock.paused_at or self.now, self.rulebook, self.case
        span = book.deadline(case.process, clock.name, case.urgency, at=clock.started_at).value
        if span is None or span.unit != "wd":
            return self.now + (clock.due_at - since)
        left = book.calendar.working_seconds_between(since, clock.due_at)
        return book.calendar.add(self.now, Span(left / book.calendar.hours.workday, "wd"))

    def letter(self, name: str, to: str, *, assignment: str = "", **values: Any) -> dict[str, Any]:
        """A letter to write: ``to`` is ``citizen``, a department code, or ``code:head``."""
        return {"letter": name, "to": to} | ({"assignment": assignment} if assignment else {}) | values

    def to_citizen(self, name: str, **values: Any) -> dict[str, Any]:
        return self.letter(name, CITIZEN, assignment="citizen-1", **values)

    def to_ended(self, reason: str) -> list[dict[str, Any]]:
        """A word to every department whose task ends now without its doing."""
        others = [a for a in self.case.open_assignments() if a.role in (Role.LEAD, Role.PARTNER, Role.REVIEWER)]
        return [self.letter("task_ended", a.party, why=reason) for a in others if a.id != self.signal.assignment]


@dataclass(frozen=True, slots=True)
class Action:
    """What a party may do. ``guard`` raises a Refusal; ``apply`` writes the entries; ``outcomes`` may end the stage."""

    name: str
    guard: Callable[[Draft], None]
    apply: Callable[[Draft, Data], None]
    fields: Sequence[Field] = ()
    outcomes: Sequence[str] = ()


def anyone(draft: Draft) -> None:
    """A guard that refuses nothing."""

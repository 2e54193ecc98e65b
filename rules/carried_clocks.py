"""限时反馈 under new rules: deadlines are counted again from the moment the clock started.

What somebody decided (an extension, a pause) and what has run out already stays. A change of the rules makes nobody
late, and no date that was told later, unless that was ordered; the citizen's own time is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rules.calendar import Span
from rules.case import CITIZEN, Case, Clock, Role
from rules.clocks import rung_times
from rules.process import ClockSpec
from rules.succession import HandOver

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

DONE_ONCE = {"claim": "claimed_at", "contact": "contacted_at"}
"""Actions that are not asked for again from whoever did them."""


@dataclass(frozen=True, slots=True)
class Change:
    """The clock that goes on in the place of another one; ``was`` is its due moment (``None``: it is new)."""

    was: datetime | None
    start: Mapping[str, Any]

    @property
    def due(self) -> datetime:
        return datetime.fromisoformat(self.start["due"])


@dataclass(slots=True)
class Carried:
    """What becomes of the clocks of a case: those that ``stopped``, and what goes on or begins."""

    stopped: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    @property
    def started(self) -> list[Mapping[str, Any]]:
        return [change.start for change in self.changes]


@dataclass(frozen=True, slots=True)
class _Times:
    """When a clock began, runs out, and wants attention next; ``was``: when it would have run out."""

    since: datetime
    due: datetime
    next: datetime | None
    was: datetime | None = None


class Carrying:
    """One case between two rulebooks at one moment; ``stage`` is where it stood under the old one."""

    def __init__(self, case: Case, stage: str, books: tuple[Rulebook, Rulebook], at: datetime, *, later: bool) -> None:
        self.case = case
        self.old, self.new = books
        self.was, self.process = (book.process(case.process) for book in books)
        self.stage = stage
        self.at = at
        self.later = later
        self.carried = Carried()

    def carry(self, parties: HandOver) -> Carried:
        """All running clocks, and those that only the new rules have."""
        for clock in self.case.clocks:
            if clock.runs and clock.holder != CITIZEN and self.was.clock(self.stage, clock.name):
                self._one(clock, parties)
        if self.case.stage and self.case.outcome is None:
            for name, spec in self._new_ones():
                self._begin(name, spec, parties)
        return self.carried

    def _one(self, clock: Clock, parties: HandOver) -> None:
        spec, span = self.process.clock(self.case.stage, clock.name), self._span(self.new, clock)
        duty = parties.instead.get(clock.assignment or "", {"id": clock.assignment, "party": clock.holder})
        if spec is None or span is None or duty is None:
            self.carried.stopped.append(clock.id)
            return
        due = self._due(clock, span)
        following = due if spec.on_due else self._next(clock, due)
        if (due, following, duty["id"]) != (clock.due_at, clock.next_at, clock.assignment):
            self.carried.stopped.append(clock.id)
            times = _Times(clock.started_at, due, following, was=clock.due_at)
            self._start(clock.name, duty, times, rung=clock.rung, on_due=spec.on_due)

    def _due(self, clock: Clock, span: Span) -> datetime:
        told = self._span(self.old, clock)
        counted = self.old.calendar.add(clock.started_at, told) if told else None
        if clock.due_at <= self.at or counted is None or clock.due_at > counted:
            return clock.due_at
        due = self.new.calendar.add(clock.started_at, span)
        if due <= self.at:
            due = self.new.calendar.add(self.at, span)
        return due if self.later else min(due, clock.due_at)

    def _span(self, book: Rulebook, clock: Clock) -> Span | None:
        return book.deadline(self.case.process, clock.name, self.case.urgency, at=clock.started_at).value

    def _next(self, clock: Clock, due: datetime) -> datetime | None:
        """The next rung that this clock has not reached."""
        since = clock.started_at
        times = rung_times(self.new, clock.name, self.case.urgency, since=since, due=due, process=self.case.process)
        names = [time.rung.name for time in times]
        if clock.rung in names:
            times = times[names.index(clock.rung) + 1 :]
        elif clock.rung:
            times = [time for time in times if time.at > self.at]
        return times[0].at if times else None

    def _new_ones(self) -> Iterator[tuple[str, ClockSpec]]:
        """Clocks that the old rules did not have, or set no limit for."""
        specs = {**self.process.clocks, **self.process.stages[self.case.stage].clocks}
        for name, spec in specs.items():
            known = self.was.clock(self.stage, name)
            if known is None or self.old.deadline(self.case.process, name, self.case.urgency, at=self.at).value is None:
                yield name, spec

    def _begin(self, name: str, spec: ClockSpec, parties: HandOver) -> None:
        """A clock nobody knew of runs from now on."""
        span = self.new.deadline(self.case.process, name, self.case.urgency, at=self.at).value
        if span is None or any(c.name == name and c.stopped_at is None for c in self.case.clocks):
            return
        due = self.new.calendar.add(self.at, span)
        rungs = rung_times(self.new, name, self.case.urgency, since=self.at, due=due, process=self.case.process)
        at = due if spec.on_due else rungs[0].at if rungs else None
        for duty in self._duties(name, spec, parties):
            self._start(name, duty, _Times(self.at, due, at), on_due=spec.on_due)

    def _duties(self, name: str, spec: ClockSpec, parties: HandOver) -> Iterator[Mapping[str, Any]]:
        """Whom a new clock is for: everybody in the role that holds it, once more only what was not done."""
        if name in self.process.clocks:
            yield {"id": None, "party": self.new.office("desk").code}
            return
        done = DONE_ONCE.get(spec.stopped_by or "", "")
        for own in self.case.open_assignments(spec.holder):
            duty = parties.instead.get(own.id, {"id": own.id, "party": own.party})
            if duty and own.role != Role.CITIZEN and not (done and getattr(own, done)):
                yield duty

    def _start(self, name: str, duty: Mapping[str, Any], times: _Times, **more: Any) -> None:
        """A clock like those of every other entry, with the row that says how long it runs."""
        before = [c.name for c in self.case.clocks] + [c.start["name"] for c in self.carried.changes]
        row = self.new.deadline(self.case.process, name, self.case.urgency, at=times.since).row
        spec = {
            "id": f"{name}-{before.count(name) + 1}", "name": name, "holder": duty["party"], "row": row,
            "due": times.due.isoformat(), "next": times.next and times.next.isoformat(),
            "since": times.since.isoformat(), "assignment": duty["id"], **more,
        }  # fmt: skip
        self.carried.changes.append(Change(times.was, {k: v for k, v in spec.items() if v}))


def concerned(changes: Sequence[Change], *, later: bool) -> set[str]:
    """Assignments (empty: the whole case) whose clocks run out earlier than was told, or ``later``."""
    moved = (
        c for c in changes if (c.was is None and not later) or (c.was and c.due != c.was and (c.due > c.was) == later)
    )
    return {str(c.start.get("assignment", "")) for c in moved}

"""认真解决: thousands of cases a second: of cases that took the same course only the moments are told one by one.

What does not depend on time (stages, duties, letters but those of the ladder) is taken from a plot; a clock that both
rulebooks treat alike is looked at once, and only where it may have run out. Whatever has no plot is led through both
rulebooks as usual; tests/rules/test_backtest_quick.py holds the two against each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rules.backtest import Change, Compared, Under, compare, only_in
from rules.rulebook import Rulebook
from rules.tables import MEMO_LIMIT
from rules.trials.course import Course, Timed, course_of
from rules.trials.moments import Hours
from rules.trials.past import Past
from rules.trials.plot import plot
from rules.trials.trail import Late


class Quick:
    """Compares past cases that followed ``old`` with ``new``, up to ``until`` (microseconds)."""

    def __init__(self, old: Under, new: Under, until: int) -> None:
        self._sides = old, new
        self._until = until
        self._courses: dict[Any, Course | None] = {}
        self._sorts_alike = _sorting(old.book) == _sorting(new.book)
        self._is_dated = bool(old.book.turns or new.book.turns)

    def compare(self, past: Past) -> Compared:
        """What ``rules.backtest.compare`` says, sooner."""
        return self._quickly(past) or compare(past, *self._sides, self._until)

    def _quickly(self, past: Past) -> Compared | None:
        events = [past.opened_at, *[deed.at for deed in past.deeds]]
        if events[-1] > self._until or (key := self._key(past, events)) is None:
            return None
        course = self._course(key, past, (False, False))
        if course is None:
            return None
        silences = [self._silence(clock, events, side) for side, clock in enumerate(course.silence)]
        if silences != [None, None]:
            course = self._course(key, past, (silences[0] is not None, silences[1] is not None))
        if course is None or not course.ends_as(past):
            return None
        sides = [events if at is None else [*events, at] for at in silences]
        return _Telling(course, past, (sides[0], sides[1]), self._until).tell()

    def _key(self, past: Past, events: Sequence[int]) -> Any:
        """Whatever may tell two cases apart but their moments; ``None`` where dated rows change on the way."""
        old, new = self._sides
        like = old.like(past)
        key = (like, None if self._sorts_alike else new.like(past), tuple([deed.order for deed in past.deeds]))
        if not self._is_dated:
            return key
        spells = {(old.learned.timing.spell(at), new.learned.timing.spell(at)) for at in (*events, self._until)}
        return (*key, *spells) if len(spells) == 1 else None

    def _course(self, key: Any, past: Past, silent: tuple[bool, bool]) -> Course | None:
        known = (key, silent)
        if known not in self._courses:
            if len(self._courses) >= MEMO_LIMIT:
                self._courses.clear()
            made = plot(past, *self._sides, silent)
            self._courses[known] = course_of(made, past) if made else None
        return self._courses[known]

    def _silence(self, clock: Timed | None, events: Sequence[int], side: int) -> int | None:
        """When nobody's answer counts as silence, if that has come."""
        if clock is None:
            return None
        due = self._sides[side].learned.timing.hours.add(events[clock.fact.start], clock.length)
        return due if due <= self._until else None


class _Late(Exception):
    """A deed came too late for this course: silence was taken for an answer before, or it is refused."""


class _Telling:
    """One case on its course."""

    def __init__(self, course: Course, past: Past, events: tuple[list[int], list[int]], until: int) -> None:
        self._course, self._past, self._events, self._until = course, past, events, until
        self._last = len(past.deeds)
        cut = course.plot.cut
        self._cuts = (until, until) if cut is None else (events[0][cut], events[1][cut])
        self._late: tuple[dict[str, Late], dict[str, Late]] = ({}, {})
        self._rungs: Counter[str] = Counter()
        self._deadlines: list[Change] = []

    def tell(self) -> Compared | None:
        course = self._course
        try:
            self._check_limits()
            for clock in course.same:
                self._both(clock)
            for old, new, moves in course.others:
                self._each(old, new, moves)
        except _Late:
            return None
        letters = course.letters
        if self._rungs:
            letters = {n: c for n in {**letters, **self._rungs} if (c := letters.get(n, 0) + self._rungs[n])}
        late = self._late
        done = course.plot.done
        return Compared(
            self._past, *course.paths, course.category or self._past.category, "", done.parted, done.refused,
            self._deadlines, only_in(late[1], late[0]) if late[1] else (), only_in(late[0], late[1]) if late[0] else (),
            letters, course.tasks, course.load, ([*late[0].values()], [*late[1].values()]),
        )  # fmt: skip

    def _both(self, clock: Timed) -> None:
        """A clock that is the same on both sides; most have no time to run out."""
        start, stop = self._span(clock, 0)
        if stop - start <= clock.shortest:
            return
        due = self._due(clock, 0)
        if clock.fact.on_due:
            self._check_silence(clock, due, 0)
        elif due < stop:
            for side in (0, 1):
                self._is_late(clock, due, side)

    def _each(self, old: Timed | None, new: Timed | None, moves: bool) -> None:
        """A clock that is not, or has another deadline, ladder or holder."""
        if old is not None and new is not None and moves:
            dues = self._due(old, 0), self._due(new, 1)
            if dues[0] != dues[1]:
                self._deadlines.append(Change(old.fact.id, *dues))
        for side, clock in enumerate((old, new)):
            if clock is not None:
                self._one(clock, side)

    def _one(self, clock: Timed, side: int) -> None:
        start, stop = self._span(clock, side)
        if stop - start <= min(clock.quiet, clock.shortest):
            return
        due = self._due(clock, side)
        if clock.fact.on_due:
            self._check_silence(clock, due, side)
            return
        if due < stop:
            self._is_late(clock, due, side)
        self._climb(clock, due, side)

    def _span(self, clock: Timed, side: int) -> tuple[int, int]:
        """From when to when it ran, as far as that is compared (exclusive)."""
        events, stop = self._events[side], clock.fact.stop
        end = self._until if stop is None else events[stop]
        return events[clock.fact.start], min(end, self._cuts[side] + 1)

    def _due(self, clock: Timed, side: int) -> int:
        return self._hours(side).add(self._events[side][clock.fact.start], clock.length)

    def _hours(self, side: int) -> Hours:
        under = (self._course.plot.old, self._course.plot.new)[side].trail.under
        return under.learned.timing.hours

    def _check_silence(self, clock: Timed, due: int, side: int) -> None:
        stop = clock.fact.stop
        if stop is not None and stop <= self._last and due <= self._events[side][stop]:
            raise _Late

    def _check_limits(self) -> None:
        for side, event, since, length in self._course.limits:
            if self._events[side][event] > self._hours(side).add(self._events[side][since], length):
                raise _Late

    def _is_late(self, clock: Timed, due: int, side: int) -> None:
        if clock.rungs:
            self._late[side][clock.fact.id] = Late(clock.fact.name, self._holder(clock, due, side), due)

    def _climb(self, clock: Timed, due: int, side: int) -> None:
        """Letters of the rungs that were reached before it was stopped."""
        start, stop = self._events[side][clock.fact.start], clock.fact.stop
        end = min(self._until if stop is None else self._events[side][stop], self._cuts[side])
        for rung in clock.rungs:
            at = self._hours(side).add(due, rung.offset)
            if at > end and clock.is_in_order:
                return
            if start < at <= end:
                self._rungs[rung.letter] += rung.letters(self._holder(clock, at, side)) * (1 if side else -1)

    def _holder(self, clock: Timed, at: int, side: int) -> str:
        """Who has it, or leads, at a moment."""
        if clock.fact.holder:
            return clock.fact.holder
        leads = (self._course.plot.old, self._course.plot.new)[side].leads
        return leads[sum(event < at for event in self._events[side][1 : len(leads)])]


def _sorting(book: Rulebook) -> Any:
    """By what a rulebook sorts a complaint: two that agree in it sort every complaint alike."""
    tables = {name: book.tables[name] for name in ("keywords", "urgency") if name in book.tables}
    rows = {name: [(row.cells, row.valid) for row in table.rows] for name, table in tables.items()}
    kinds: Mapping[str, bool] = {name: table.collect for name, table in tables.items()}
    return rows, kinds, book.categories, book.districts

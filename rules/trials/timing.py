"""限时反馈: how the clocks of a life get their moments, whenever something was learned once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rules.case import Case, Clock, Entry
from rules.pause import PAUSE
from rules.rulebook import Rulebook
from rules.tables import spell
from rules.trials.life import Life, Order, Times
from rules.trials.moments import Hours, Ladder, Length, moment


class Timing:
    """Lengths and ladders of one rulebook, and what they mean for a life."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self.hours = Hours(book.calendar)
        self.turns = book.turns
        self._lengths: dict[tuple[str, str, str, int], Length | None] = {}
        self._ladders: dict[tuple[str, str, str, int], Ladder] = {}

    def spell(self, at: int) -> int:
        """Which stretch between two changes of dated rows a moment lies in."""
        return spell(self.turns, moment(at)) if self.turns else 0

    def length(self, process: str, clock: str, urgency: str, start: int) -> Length | None:
        key = (process, clock, urgency, self.spell(start) if self.turns else 0)
        if key not in self._lengths:
            span = self.book.deadline(process, clock, urgency, at=moment(start)).value
            self._lengths[key] = None if span is None else Length.of(span)
        return self._lengths[key]

    def ladder(self, process: str, clock: str, urgency: str, start: int) -> Ladder:
        key = (process, clock, urgency, self.spell(start) if self.turns else 0)
        if key not in self._ladders:
            rungs = self.book.ladder(clock, urgency, process, at=moment(start))
            self._ladders[key] = Ladder.of([(rung.name, rung.offset) for rung in rungs])
        return self._ladders[key]

    def due(self, life: Life, now: int) -> tuple[Any, ...]:
        """The clocks that want attention at ``now``, in the order they get it, each with the rungs it has reached."""
        named = life.situation.clocks
        waiting = [(c.next, named[n].id, n) for n, c in enumerate(life.clocks) if c.next is not None and c.next <= now]
        return tuple([(n, self._reached(life, n, now)) for _, _, n in sorted(waiting)])

    def _reached(self, life: Life, nth: int, now: int) -> tuple[str, ...]:
        clock, times, rungs = life.situation.clocks[nth], life.clocks[nth], []
        if clock.on_due or clock.name == PAUSE:
            return ()
        name, here = times.rung, life.situation
        while (found := self.following(here.process, here.urgency, clock.name, times, name)) and found[0] <= now:
            name = found[1]
            rungs.append(name)
        return tuple(rungs)

    def following(self, process: str, urgency: str, clock: str, times: Times, rung: str) -> tuple[int, str] | None:
        """Moment and name of the rung after ``rung``."""
        ladder = self.ladder(process, clock, urgency, times.started)
        return self.hours.following(ladder, times.started, times.due, rung)

    def return_is_over(self, life: Life, order: Order, now: int) -> bool:
        """Whether the time in which the case could be returned has passed."""
        here = life.situation
        opened = next((t for duty, t in zip(here.duties, life.duties, strict=True) if duty.id == order.assignment), now)
        length = self.length(here.process, "return", here.urgency, opened)
        return length is not None and now > self.hours.add(opened, length)


TOP = "top"
"""Said of a clock that wanted attention when no rung was left."""


@dataclass(frozen=True, slots=True)
class Started:
    """A clock that starts, now or with the case."""

    timing: Timing
    process: str
    clock: str
    urgency: str
    on_due: bool
    from_opening: bool

    def __call__(self, life: Life, _old: Sequence[Times], now: int) -> Times:
        timing, start = self.timing, life.opened_at if self.from_opening else now
        length = timing.length(self.process, self.clock, self.urgency, start)
        due = start if length is None else timing.hours.add(start, length)
        if self.on_due:
            return Times(start, due, due)
        ladder = timing.ladder(self.process, self.clock, self.urgency, start)
        return Times(start, due, timing.hours.first(ladder, start, due))


@dataclass(frozen=True, slots=True)
class PauseBegun:
    """The clock that ends a pause at its cap."""

    timing: Timing
    longest: Length

    def __call__(self, _life: Life, _old: Sequence[Times], now: int) -> Times:
        due = self.timing.hours.add(now, self.longest)
        return Times(now, due, due)


@dataclass(frozen=True, slots=True)
class StoodStill:
    nth: int

    def __call__(self, _life: Life, old: Sequence[Times], now: int) -> Times:
        return old[self.nth]._replace(next=None, paused=now)


@dataclass(frozen=True, slots=True)
class WentOn:
    """It runs again (``paused`` before), or has reached a rung."""

    timing: Timing
    process: str
    clock: str
    urgency: str
    rungs: int
    """How many rungs were reached."""
    on_due: bool
    nth: int

    def __call__(self, _life: Life, old: Sequence[Times], now: int) -> Times:
        times, timing = old[self.nth], self.timing
        if times.paused is not None:
            length = timing.length(self.process, self.clock, self.urgency, times.started)
            working = length is not None and bool(length.working_days)
            due = timing.hours.going_on(times.paused, times.due, now, working=working)
            times = times._replace(due=due, paused=None)
        if self.on_due:
            return times._replace(next=times.due)
        rung, about = times.rung, (self.process, self.urgency, self.clock, times)
        for _ in range(self.rungs):
            rung = (timing.following(*about, rung) or (0, TOP))[1]
        found = timing.following(*about, rung)
        return times._replace(next=found[0] if found else None, rung=rung)


@dataclass(frozen=True, slots=True)
class Extended:
    """More time: so many days after the old due moment."""

    timing: Timing
    process: str
    clock: str
    urgency: str
    more: Length
    nth: int

    def __call__(self, _life: Life, old: Sequence[Times], now: int) -> Times:
        times, timing = old[self.nth], self.timing
        due = timing.hours.add(times.due, self.more)
        ladder = timing.ladder(self.process, self.clock, self.urgency, times.started)
        return Times(times.started, due, timing.hours.first(ladder, now, due))


def source(clock: Clock, before: Case, after: Case, entries: Sequence[Entry], timing: Timing) -> Any:
    """Where the moments of an open ``clock`` of the case ``after`` come from: the place of the same clock among those
    open ``before``, when nothing happened to it, else what happened."""
    was = {c.id: (n, c) for n, c in enumerate(c for c in before.clocks if c.is_open)}
    if clock.id not in was:
        return _started(clock, after, entries, timing)
    nth, old = was[clock.id]
    about = (timing, after.process, clock.name, str(after.urgency))
    if (clock.due_at, clock.next_at, clock.paused_at, clock.rung) == (old.due_at, old.next_at, old.paused_at, old.rung):
        return nth
    if clock.paused_at:
        return StoodStill(nth)
    if clock.due_at != old.due_at and not old.paused_at:
        days = next(e.data["days"] for e in entries if e.kind == "extension_granted")
        span = timing.book.deadline(after.process, "extension", after.urgency, at=entries[0].at).value
        assert span is not None  # noqa: S101 -- else it would have been refused
        return Extended(*about, Length.of(span.of(days)), nth)
    reached = sum(e.kind == "rung_reached" and e.data["clock"] == clock.id for e in entries)
    return WentOn(*about, reached, bool(clock.on_due), nth)


def _started(clock: Clock, after: Case, entries: Sequence[Entry], timing: Timing) -> Any:
    if clock.name == PAUSE:
        cause = next(e.data["cause"] for e in entries if e.kind == "clocks_paused")
        return PauseBegun(timing, Length.of(timing.book.process(after.process).pauses[cause].longest_span))
    told = next(spec for e in entries for spec in e.data.get("start", ()) if spec["id"] == clock.id)
    return Started(timing, after.process, clock.name, str(after.urgency), bool(clock.on_due), "since" in told)

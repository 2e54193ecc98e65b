"""限时反馈: a plot with its deadlines and ladders, ready for the moments of any case that took the same course."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rules.backtest import Path, difference, path_of, tasks_of
from rules.calendar import Calendar
from rules.trials.learned import RETURN
from rules.trials.moments import SECOND, Length, moment
from rules.trials.past import Past
from rules.trials.plot import RUNG, Fact, Plot, Side

HANDLER, HEAD = "handler", "head"


@dataclass(frozen=True, slots=True)
class Rung:
    """``to``: ``handler``, ``head``, or the code of an office."""

    offset: Length
    letter: str
    to: tuple[str, ...]

    def letters(self, holder: str) -> int:
        """How many letters it writes when ``holder`` is late; nobody gets two."""
        own = {HANDLER: holder, HEAD: f"{holder}:head"}
        return len({own.get(to, to) for to in self.to})


@dataclass(frozen=True, slots=True)
class Timed:
    """A clock under one rulebook. ``shortest``: it does not run out before so many microseconds, ``quiet``: nor does it
    reach a rung. ``is_in_order``: the moments of its rungs come in the order of the rungs."""

    fact: Fact
    length: Length
    shortest: int
    quiet: int
    rungs: Sequence[Rung]
    is_in_order: bool


@dataclass(frozen=True, slots=True)
class Course:
    """``same``: clocks that run alike under both rulebooks, ``others``: those that do not, or that only one has.
    ``limits``: side, event and event before it from which on there was only so much time for it.
    ``silence``: of each side the clock that is open at the end and takes silence for an answer. ``letters`` are those
    without the ladder's: how many more (or fewer) the draft writes."""

    plot: Plot
    same: Sequence[Timed]
    others: Sequence[tuple[Timed | None, Timed | None, bool]]
    """Of each also whether it may be due at another moment."""
    silence: tuple[Timed | None, Timed | None]
    paths: tuple[Path, Path]
    category: str | None
    letters: Mapping[str, int]
    tasks: Mapping[str, int]
    limits: Sequence[tuple[int, int, int, Length]]
    load: tuple[Mapping[str, int], Mapping[str, int]]

    def ends_as(self, past: Past) -> bool:
        """Whether the case stands where the ledger says."""
        life = self.plot.old.trail.life
        real = (past.stage, past.result, past.lead or "")
        return past.stage is None or (life.situation.stage, life.situation.result, life.lead) == real


def course_of(plot: Plot, past: Past) -> Course | None:
    """``past``: any case of the plot; the same rows hold for all. ``None`` when several clocks wait for silence."""
    sides = plot.old, plot.new
    timed = _timed(plot.old, past), _timed(plot.new, past)
    silence = [[c for c in each.values() if c.fact.on_due and c.fact.stop is None] for each in timed]
    if any(len(each) > 1 for each in silence):
        return None
    ends = [next(iter(each), None) for each in silence]
    same = {id: clock for id, clock in timed[0].items() if _is_same(plot, timed, id, len(past.deeds))}
    ids = [id for id in {**timed[0], **timed[1]} if id not in same]
    cuts = plot.done.cut or tuple(side.trail.moves[-1][0] for side in sides)
    tasks = [tasks_of(side.trail, cut) for side, cut in zip(sides, cuts, strict=True)]
    letters = [[*_letters(side, cut)] for side, cut in zip(sides, cuts, strict=True)]
    others = [(old := timed[0].get(id), new := timed[1].get(id), _moves(plot, old, new)) for id in ids]
    return Course(
        plot, [*same.values()], others, (ends[0], ends[1]),
        (path_of(plot.old.trail, cuts[0]), path_of(plot.new.trail, cuts[1])), plot.old.trail.life.situation.category,
        difference(*letters), difference(*tasks), [*_limits(sides, past)], (Counter(tasks[0]), Counter(tasks[1])),
    )  # fmt: skip


def _limits(sides: Sequence[Side], past: Past) -> Iterator[tuple[int, int, int, Length]]:
    """A case may be given back for a time only."""
    events = [past.opened_at, *(deed.at for deed in past.deeds)]
    for nth, side in enumerate(sides):
        for event, since, process, urgency in side.returns:
            timing = side.trail.under.learned.timing
            if (length := timing.length(process, RETURN, urgency, events[since])) is not None:
                yield nth, event, since, length


def _letters(side: Side, cut: int) -> Iterator[str]:
    return (letter for at, move in side.trail.moves if at <= cut and RUNG not in move.kinds for letter in move.letters)


def _timed(side: Side, past: Past) -> dict[str, Timed]:
    events = [past.opened_at, *(deed.at for deed in past.deeds)]
    return {id: timed for id, fact in side.facts.items() if (timed := _clock(side, fact, events[fact.start]))}


def _clock(side: Side, fact: Fact, start: int) -> Timed | None:
    timing, book = side.trail.under.learned.timing, side.trail.under.book
    length = timing.length(fact.process, fact.name, fact.urgency, start)
    if length is None:
        return None
    workday = book.calendar.hours.workday * SECOND
    shortest = int(length.working_days * workday) + length.fixed
    found = () if fact.on_due else book.ladder(fact.name, fact.urgency, fact.process, at=moment(start))
    offices = {to: book.office(to).code for rung in found for to in rung.to if to not in (HANDLER, HEAD)}
    rungs = [Rung(Length.of(r.offset), r.letter, tuple(offices.get(to, to) for to in r.to)) for r in found]
    quiet = min((shortest + _ahead(length, rung.offset, workday) for rung in rungs), default=shortest)
    is_in_order = timing.ladder(fact.process, fact.name, fact.urgency, start).in_order
    return Timed(fact, length, shortest, quiet, rungs, is_in_order)


def _ahead(length: Length, offset: Length, workday: int) -> int:
    """How much earlier (negative) than a clock runs out a rung may come: working days before the end of a clock that
    runs round the clock may be any time."""
    if offset.working_days < 0 and not length.working_days:
        return -length.fixed
    return min(int(offset.working_days * workday) + offset.fixed, 0)


def _moves(plot: Plot, old: Timed | None, new: Timed | None) -> bool:
    if old is None or new is None:
        return False
    return (old.length, old.fact.start) != (new.length, new.fact.start) or not _keep_the_same_hours(plot)


def _is_same(plot: Plot, timed: tuple[dict[str, Timed], dict[str, Timed]], id: str, last: int) -> bool:
    """Whether a clock starts, stops, runs and climbs alike under both."""
    old, new = timed[0][id], timed[1].get(id)
    if old != new or not _keep_the_same_hours(plot):
        return False
    return old.fact.stop is None or old.fact.stop <= last or plot.done.trail.now == plot.old.trail.now


def _keep_the_same_hours(plot: Plot) -> bool:
    return _hours(plot.old.trail.under.book.calendar) == _hours(plot.new.trail.under.book.calendar)


def _hours(calendar: Calendar) -> tuple[object, ...]:
    return calendar.hours.intervals, calendar.workdays, calendar.days_off

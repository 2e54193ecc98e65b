"""限时反馈: the same working time as live, in whole numbers: moments are microseconds since 1970, in UTC.

A simulated month starts millions of clocks; a ``datetime`` for each would cost more than everything that is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rules.calendar import DAY, Calendar, Span

SECOND = 1_000_000
CLIMBED_KEPT = 50_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_UNITS = {"min": 60, "h": 3600, "d": DAY}


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICRO


def moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


@dataclass(frozen=True, slots=True)
class Length:
    """A span: so many working days, or a fixed time in microseconds when there are none."""

    working_days: float
    fixed: int

    @classmethod
    def of(cls, span: Span) -> Length:
        if span.unit == "wd":
            return cls(span.amount, 0)
        return cls(0.0, timedelta(seconds=span.amount * _UNITS[span.unit]) // _MICRO)


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """Names of rungs and their offsets, in the order of :meth:`Rulebook.ladder`; remembered by identity."""

    rungs: Sequence[tuple[str, Length]]
    in_order: bool
    """Whether their moments come in this order whatever the due moment; with one unit they do."""

    @classmethod
    def of(cls, rungs: Sequence[tuple[str, Span]]) -> Ladder:
        units = {span.unit for _, span in rungs if span.amount}
        return cls([(name, Length.of(span)) for name, span in rungs], len(units) < 2)


class Hours:
    """Working time of a calendar."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self._after = calendar.after
        self._climbed: dict[tuple[Ladder, int], list[tuple[int, str]]] = {}

    def add(self, start: int, length: Length) -> int:
        """``start`` plus ``length``, as :meth:`Calendar.add` does."""
        if length.working_days:
            return self._after(start // SECOND, length.working_days) * SECOND
        return start + length.fixed

    def first(self, ladder: Ladder, since: int, due: int) -> int | None:
        """The moment of the first rung that comes after ``since``."""
        if not ladder.in_order:
            return next((at for at, _ in self._timed(ladder, since, due)), None)
        for _, offset in ladder.rungs:
            if (at := self.add(due, offset)) > since:
                return at
        return None

    def following(self, ladder: Ladder, since: int, due: int, after: str) -> tuple[int, str] | None:
        """Moment and name of the rung that comes after the one named ``after``, as ``next_rung`` says."""
        timed = self._timed(ladder, since, due)
        if not after:
            return timed[0] if timed else None
        names = [name for _, name in timed]
        return timed[names.index(after) + 1] if after in names[:-1] else None

    def going_on(self, paused: int, due: int, now: int, *, working: bool) -> int:
        """When a clock that stood still since ``paused`` is due, running again at ``now``."""
        if not working:
            return now + (due - paused)
        left = self.calendar.working_seconds(paused // SECOND, due // SECOND)
        return self.add(now, Length(left / self.calendar.hours.workday, 0))

    def _timed(self, ladder: Ladder, since: int, due: int) -> list[tuple[int, str]]:
        """The same clock asks at every rung, so its answers are kept for a while."""
        timed = self._climbed.get((ladder, due))
        if timed is None:
            if len(self._climbed) > CLIMBED_KEPT:
                self._climbed.clear()
            timed = sorted(((self.add(due, offset), name) for name, offset in ladder.rungs), key=lambda one: one[0])
            self._climbed[ladder, due] = timed
        return [one for one in timed if one[0] > since]

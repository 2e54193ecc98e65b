"""限时反馈: working time of the city, with holidays and make-up workdays (调休) of the State Council's notices.

Moments go in and come out aware, in UTC, in whole seconds. Office hours are data (``calendar.yaml``). A year without a
notice yet is *provisional*: it is calculated from the statutory days, and said.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import holidays

from rules.said import said

ZONE_SECONDS = 8 * 3600
"""Asia/Shanghai is UTC+8 without summer time since 1991; plain arithmetic is ten times faster than a zone database."""
DAY = 86_400
EPOCH = date(1970, 1, 1).toordinal()
FIRST_NOTICE = 2004
OFFICE_HOURS = ("09:00-12:00", "13:30-17:30")
"""Used when ``calendar.yaml`` names none."""
LONGEST = 10_000
"""Nobody promises more days than this; a longer span is a slip of the hand."""

_SECONDS = {"min": 60, "h": 3600, "d": DAY}


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as the tables write it: ``30 min``, ``2 h``, ``7 d``, or ``0.5 wd`` (working days)."""

    amount: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> Span:
        """Raises :class:`ValueError` that says how a span is written."""
        amount, _, unit = text.strip().partition(" ")
        try:
            span = cls(float(amount), unit.strip())
        except ValueError:
            span = cls(math.nan, unit)
        if span.unit not in (*_SECONDS, "wd") or not abs(span.amount) <= LONGEST:
            raise ValueError(said("'%(text)s' is not a span; write for example 30 min, 2 h, 7 d or 0.5 wd", text=text))
        return span

    def of(self, amount: float) -> Span:
        """``amount`` of the same unit."""
        return Span(amount, self.unit)

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


class OfficeHours:
    """The hours of one working day, as two tables from minute to minute, so that no hour is ever searched for.

    ``hours``: intervals such as ``09:00-12:00``. Raises :class:`ValueError` for what is no such interval.
    """

    def __init__(self, hours: Sequence[str]) -> None:
        opened = [minute for text in hours for minute in _interval(text)]
        if not opened or opened != sorted(set(opened)):
            raise ValueError(said("office hours have to be intervals in order, without overlap"))
        self.intervals = tuple(hours)
        self.workday = len(opened) * 60
        """Seconds of one working day (wd)."""
        self._minute_at = opened
        self._open = frozenset(opened)
        self._worked = [bisect_left(opened, minute) * 60 for minute in range(24 * 60)]

    def worked(self, second: int) -> int:
        """Working seconds of a working day before ``second`` after midnight."""
        minute = second // 60
        return self._worked[minute] + (second % 60 if minute in self._open else 0)

    def closing(self, worked: int) -> int:
        """The second after midnight at which ``worked`` seconds (not zero) are done."""
        minute, second = divmod(worked - 1, 60)
        return self._minute_at[minute] * 60 + second + 1

    def opening(self, worked: int) -> int:
        """The second after midnight from which the work after ``worked`` seconds is done."""
        minute, second = divmod(worked, 60)
        return self._minute_at[minute] * 60 + second


def _interval(text: str) -> range:
    try:
        start, end = ((int(h) * 60 + int(m)) for h, m in (side.strip().split(":") for side in text.split("-")))
    except (ValueError, AttributeError):
        raise ValueError(said("'%(text)s' is not an interval such as 09:00-12:00", text=text)) from None
    if not 0 <= start < end <= 24 * 60:
        raise ValueError(said("'%(text)s' does not lie within one day, from early to late", text=text))
    return range(start, end)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Consecutive years, prepared: days are counted since 1970."""

    first: int
    last: int
    before: Sequence[int]
    """For each day since ``first``: how many working days lie before it."""
    workdays: Sequence[int]


class Calendar:
    """Working days of the city. ``workdays`` and ``days_off`` override the library, ``noticed`` names the years whose
    notice the overrides carry."""

    def __init__(
        self,
        *,
        hours: Sequence[str] = OFFICE_HOURS,
        workdays: Iterable[date] = (),
        days_off: Iterable[date] = (),
        noticed: Iterable[int] = (),
    ) -> None:
        self.hours = OfficeHours(hours)
        self.workdays = frozenset(workdays)
        self.days_off = frozenset(days_off)
        self.noticed = frozenset(noticed)
        self._stretch = _Stretch(0, -1, [], [])

    def add(self, start: datetime, span: Span) -> datetime:
        """``start`` plus ``span`` (which may be negative). Working days end within office hours, never between them."""
        if span.unit != "wd":
            return start + timedelta(seconds=span.amount * _SECONDS[span.unit])
        if not span.amount:
            return start
        return datetime.fromtimestamp(self.after(int(start.timestamp()), span.amount), UTC)

    def after(self, start: int, working_days: float) -> int:
        """The same for working days (not zero) and seconds since 1970: a simulated month asks millions of times."""
        day, second = divmod(start + ZONE_SECONDS, DAY)
        known = self._reach(day, working_days)
        position = self._position(known, day, second) + round(working_days * self.hours.workday)
        return self._second(known, position, backwards=working_days < 0)

    def worked(self, start: int, work: int) -> int:
        """The second since 1970 at which ``work`` seconds of working time after ``start`` are done."""
        return self.after(start, work / self.hours.workday) if work else start

    def working_seconds_between(self, start: datetime, end: datetime) -> int:
        """Working time from ``start`` to ``end`` (negative when ``end`` is earlier)."""
        return self.working_seconds(int(start.timestamp()), int(end.timestamp()))

    def working_seconds(self, start: int, end: int) -> int:
        """The same for seconds since 1970."""
        (day1, second1), (day2, second2) = (divmod(moment + ZONE_SECONDS, DAY) for moment in (start, end))
        self._reach(min(day1, day2), 0)
        known = self._reach(max(day1, day2), 0)
        return self._position(known, day2, second2) - self._position(known, day1, second1)

    def is_workday(self, day: date) -> bool:
        """Whether the offices open on ``day``."""
        off, made_up = _library(day.year)
        if day in self.workdays or day in self.days_off:
            return day in self.workdays
        return day in made_up or (day.weekday() < 5 and day not in off)

    def provisional(self, year: int) -> bool:
        """Whether no notice fixed the make-up workdays of ``year`` (before 2004 there was none)."""
        if year in self.noticed or year < FIRST_NOTICE:
            return False
        return not _library(year)[1]

    def _reach(self, day: int, working_days: float) -> _Stretch:
        """Prepared years that reach ``working_days`` to either side of ``day``, with room to spare."""
        known, room = self._stretch, int(abs(working_days) * 2) + 30
        if known.first <= day - room and day + room <= known.last:
            return known
        years = {date.fromordinal(EPOCH + edge).year for edge in (day - room, day + room)}
        if known.workdays:
            years |= {date.fromordinal(EPOCH + edge).year for edge in (known.first, known.last)}
        self._stretch = self._prepare(min(years), max(years))
        return self._stretch

    def _prepare(self, first_year: int, last_year: int) -> _Stretch:
        first, last = (date(y, m, d).toordinal() for y, m, d in ((first_year, 1, 1), (last_year, 12, 31)))
        days = range(first, last + 1)
        workdays = [n - EPOCH for n in days if self.is_workday(date.fromordinal(n))]
        before = [bisect_left(workdays, n - EPOCH) for n in (*days, last + 1)]
        return _Stretch(first - EPOCH, last - EPOCH, before, workdays)

    def _position(self, known: _Stretch, day: int, second: int) -> int:
        """Working seconds between the first prepared day and a moment."""
        index = known.before[day - known.first]
        works = known.before[day - known.first + 1] > index
        return index * self.hours.workday + (self.hours.worked(second) if works else 0)

    def _second(self, known: _Stretch, position: int, *, backwards: bool) -> int:
        """The second since 1970 at ``position``; a full day ends in the evening, or backwards begins in the morning."""
        index, worked = divmod(position, self.hours.workday)
        if backwards:
            second = self.hours.opening(worked)
        elif worked:
            second = self.hours.closing(worked)
        else:
            index, second = index - 1, self.hours.closing(self.hours.workday)
        return known.workdays[index] * DAY - ZONE_SECONDS + second


_notices: dict[int, tuple[frozenset[date], frozenset[date]]] = {}


def _library(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Days off and make-up workdays of ``year`` from the library's own record of the notices."""
    if year not in _notices:
        found = holidays.country_holidays("CN", years=year)
        made_up = {day for day in getattr(found, "weekend_workdays", ()) if day.year == year}
        _notices[year] = frozenset(day for day in found if day not in made_up), frozenset(made_up)
    return _notices[year]


def city_day(at: datetime) -> int:
    """The day in the city at a moment, as an ordinal of :class:`datetime.date`."""
    return (int(at.timestamp()) + ZONE_SECONDS) // DAY + EPOCH

"""限时反馈: working time in Qingdao, with public holidays and make-up workdays (调休) of the State Council's notices.

Office hours 09:00–12:00 and 13:30–17:30, Asia/Shanghai; one working day is seven working hours. Moments go in and
come out aware, in UTC. A year without a notice yet is *provisional*: it is calculated from the statutory days, and said.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import holidays

ZONE_SECONDS = 8 * 3600
"""Asia/Shanghai is UTC+8 without summer time since 1991; plain arithmetic is ten times faster than a zone database."""
DAY = 86_400
OFFICE = ((9 * 3600, 12 * 3600), (13 * 3600 + 1800, 17 * 3600 + 1800))
"""Office hours as seconds after local midnight."""
WORKDAY = sum(end - start for start, end in OFFICE)
EPOCH = date(1970, 1, 1).toordinal()
FIRST_NOTICE = 2004

_SECONDS = {"min": 60, "h": 3600, "d": DAY, "wd": WORKDAY}


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
            return cls(float(amount), _known(unit.strip()))
        except ValueError:
            raise ValueError(f"'{text}' is not a span; write for example 30 min, 2 h, 7 d or 0.5 wd") from None

    @property
    def seconds(self) -> float:
        """Seconds of the span: of working time for ``wd``, else of clock time."""
        return self.amount * _SECONDS[self.unit]

    def of(self, amount: float) -> Span:
        """``amount`` of the same unit."""
        return Span(amount, self.unit)

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


def _known(unit: str) -> str:
    if unit not in _SECONDS:
        raise ValueError(unit)
    return unit


@dataclass(frozen=True)
class Calendar:
    """Working days of the city. ``workdays`` and ``days_off`` override the library, ``noticed`` names years whose
    notice the overrides carry."""

    workdays: frozenset[date] = frozenset()
    days_off: frozenset[date] = frozenset()
    noticed: frozenset[int] = frozenset()
    _years: dict[int, list[int]] = field(default_factory=dict, repr=False, compare=False)
    _days: list[int] = field(default_factory=list, repr=False, compare=False)

    def add(self, start: datetime, span: Span) -> datetime:
        """``start`` plus ``span`` (which may be negative)."""
        if span.unit != "wd":
            return start + timedelta(seconds=span.seconds)
        self._cover(start, abs(span.amount))
        position = self._position(start) + round(span.seconds)
        return self._moment(position, backwards=span.amount < 0)

    def working_seconds(self, start: datetime, end: datetime) -> int:
        """Working time from ``start`` to ``end`` (negative when ``end`` is earlier)."""
        self._cover(start, 0)
        self._cover(end, 0)
        return self._position(end) - self._position(start)

    def is_workday(self, day: date) -> bool:
        return day.toordinal() - EPOCH in set(self._year(day.year))

    def provisional(self, year: int) -> bool:
        """Whether no notice fixed the make-up workdays of ``year`` (before 2004 there was none)."""
        if year in self.noticed or year < FIRST_NOTICE:
            return False
        return not any(day.year == year for day in _library(year)[1])

    def _year(self, year: int) -> list[int]:
        """Working days of a year as days since 1970."""
        if year not in self._years:
            off, made_up = _library(year)
            off, on = (off | self.days_off) - self.workdays, (made_up | self.workdays) - self.days_off
            first = date(year, 1, 1).toordinal()
            days = (date.fromordinal(n) for n in range(first, date(year + 1, 1, 1).toordinal()))
            self._years[year] = [d.toordinal() - EPOCH for d in days if d in on or (d.weekday() < 5 and d not in off)]
        return self._years[year]

    def _cover(self, moment: datetime, working_days: float) -> None:
        """Make the list of working days reach ``working_days`` to either side of ``moment``, with room to spare."""
        reach = round(working_days * 1.6) + 30
        day = int(moment.timestamp() + ZONE_SECONDS) // DAY
        if self._days and self._days[0] <= day - reach and day + reach <= self._days[-1]:
            return
        wanted = {date.fromordinal(EPOCH + day + off).year for off in (-reach, reach)} | set(self._years)
        for year in range(min(wanted), max(wanted) + 1):
            self._year(year)
        self._days[:] = [d for year in sorted(self._years) for d in self._years[year]]

    def _position(self, moment: datetime) -> int:
        """Working seconds between the first covered day and ``moment``."""
        day, second = divmod(int(moment.timestamp()) + ZONE_SECONDS, DAY)
        index = bisect_left(self._days, day)
        works = index < len(self._days) and self._days[index] == day
        return index * WORKDAY + (_worked_by(second) if works else 0)

    def _moment(self, position: int, *, backwards: bool) -> datetime:
        """The moment at ``position``; a full day ends at 17:30, and counted backwards it begins at 09:00."""
        index, worked = divmod(position, WORKDAY)
        if worked == 0 and not backwards:
            index, worked = index - 1, WORKDAY
        return datetime.fromtimestamp(self._days[index] * DAY - ZONE_SECONDS + _second_of(worked), UTC)


def _worked_by(second: int) -> int:
    """Working seconds of a working day before ``second`` after midnight."""
    return sum(min(max(second - start, 0), end - start) for start, end in OFFICE)


def _second_of(worked: int) -> int:
    """The second after midnight at which ``worked`` seconds are done."""
    for start, end in OFFICE:
        if worked <= end - start:
            return start + worked
        worked -= end - start
    raise ValueError(worked)


_notices: dict[int, tuple[frozenset[date], frozenset[date]]] = {}


def _library(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Days off and make-up workdays of ``year`` from the library's own record of the notices."""
    if year not in _notices:
        found = holidays.country_holidays("CN", years=year)
        made_up = {day for day in getattr(found, "weekend_workdays", ()) if day.year == year}
        _notices[year] = frozenset(day for day in found if day not in made_up), frozenset(made_up)
    return _notices[year]


def read_calendar(data: Mapping[str, Iterable[object]]) -> Calendar:
    """A calendar from the plain data of ``calendar.yaml``. Raises :class:`ValueError` for a day that is no date."""
    return Calendar(
        workdays=frozenset(_date(day) for day in data.get("workdays") or ()),
        days_off=frozenset(_date(day) for day in data.get("days_off") or ()),
        noticed=frozenset(int(str(year)) for year in data.get("noticed") or ()),
    )


def _date(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))

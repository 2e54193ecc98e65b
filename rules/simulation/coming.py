"""有意见随时提: when people come, as the ledger saw them: by hour and day of the week, and how few on holidays."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean

from rules.calendar import DAY, EPOCH, ZONE_SECONDS, Calendar
from rules.simulation.arrivals import of_day
from rules.simulation.model import Arrivals
from rules.simulation.observed import Observed
from rules.trials.moments import SECOND


def coming(seen: Observed, calendar: Calendar) -> Arrivals:
    """As many on the days observed as came on them."""
    hours, by_day = [0] * 24, Counter[int]()
    for at in seen.arrivals:
        day, second = divmod(at // SECOND + ZONE_SECONDS, DAY)
        hours[second // 3600] += 1
        by_day[day] += 1
    first, last = ((moment // SECOND + ZONE_SECONDS) // DAY for moment in (seen.since, seen.until - 1))
    if not by_day:
        return Arrivals(rate=1)
    days = range(max(first, min(by_day)), last + 1)  # before its first case a ledger was not in use
    shape = _shape(hours, {day: by_day[day] for day in days}, calendar)
    relative = sum(of_day(shape, calendar, day) for day in days)
    return shape.model_copy(update={"rate": len(seen.arrivals) / relative})


def _shape(hours: Sequence[int], by_day: Mapping[int, int], calendar: Calendar) -> Arrivals:
    """Weights only; a weekday that was never seen is like the mean of the others."""
    usual, off = defaultdict[int, list[int]](list), list[tuple[int, int]]()
    for day, count in by_day.items():
        at = date.fromordinal(EPOCH + day)
        weekday, works = at.weekday(), calendar.is_workday(at)
        if works == (weekday < 5):
            usual[weekday].append(count)
        elif not works:
            off.append((weekday, count))
    mean = fmean([fmean(counts) for counts in usual.values()] or [1.0]) or 1.0
    weekdays = [fmean(usual[n]) if usual[n] else mean for n in range(7)]
    expected = sum(weekdays[weekday] for weekday, _ in off)
    days_off = sum(count for _, count in off) / expected if expected else 1.0
    return Arrivals(hours=hours, weekdays=weekdays if any(weekdays) else [1] * 7, days_off=days_off, rate=1)

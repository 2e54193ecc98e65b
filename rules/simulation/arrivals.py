"""有意见随时提: when people come: more by day than by night, fewer on holidays, else as they like (Poisson)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date

from rules.calendar import DAY, EPOCH, ZONE_SECONDS, Calendar
from rules.simulation.model import Arrivals
from rules.simulation.spread import Dice
from rules.trials.moments import SECOND

HOUR = 3600
MONDAY = 0


def arrivals(model: Arrivals, calendar: Calendar, dice: Dice, *, start: int, end: int) -> Iterator[int]:
    """Moments from ``start`` to ``end`` (microseconds). The rate is constant within an hour of the city."""
    hour, patience = start // SECOND // HOUR, -math.log(1.0 - dice.random())
    at = float(start) / SECOND
    while at * SECOND < end:
        rate = per_second(model, calendar, hour)
        left = (hour + 1) * HOUR - at
        if patience >= rate * left:
            patience -= rate * left
            hour += 1
            at = float(hour * HOUR)
            continue
        at += patience / rate
        patience = -math.log(1.0 - dice.random())
        if (moment := int(at * SECOND)) < end:
            yield moment


def per_second(model: Arrivals, calendar: Calendar, hour: int) -> float:
    """Complaints a second in an hour, counted since 1970."""
    day, second = divmod(hour * HOUR + ZONE_SECONDS, DAY)
    share = model.hours[second // HOUR] / sum(model.hours)
    return model.rate * of_day(model, calendar, day) * share / HOUR


def of_day(model: Arrivals, calendar: Calendar, day: int) -> float:
    """How many come on a day (since 1970), compared with the average day of a usual week."""
    at = date.fromordinal(EPOCH + day)
    weekday, works, mean = at.weekday(), calendar.is_workday(at), sum(model.weekdays) / 7
    if works and weekday > 4:
        return model.weekdays[MONDAY] / mean
    off = model.days_off if not works and weekday < 5 else 1.0
    return model.weekdays[weekday] / mean * off

"""一案一流程: a case is called by a number that tells the city's day of its receipt and nothing else."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache

from infra import chance
from rules.fields import CITY_ZONE

NUMBER_PREFIX = "QD"
NUMBER_LENGTH = len(NUMBER_PREFIX) + len("yymmdd-") + 8


def number_on(at: datetime) -> str:
    """A new number; drawn twice in 30^8."""
    return f"{numbers_from(at)}-{chance.letters(8)}"


@lru_cache(maxsize=4)  # the rows of a file come at one moment
def numbers_from(at: datetime) -> str:
    """What every number of this day or a later one is greater than."""
    return f"{NUMBER_PREFIX}{at.astimezone(CITY_ZONE):%y%m%d}"


def day_of(number: str) -> date:
    """The city's day of receipt that a number tells."""
    told = number.removeprefix(NUMBER_PREFIX)
    return date(2000 + int(told[:2]), int(told[2:4]), int(told[4:6]))

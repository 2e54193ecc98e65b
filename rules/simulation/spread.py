"""限时反馈: how long things take: fixed, exponential, lognormal, or as it was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, field_validator, model_validator

from rules.calendar import Span
from rules.said import said
from rules.simulation.parts import Part

_NORMAL = NormalDist()
WIDEST = 5.0
"""A lognormal sigma beyond this is a slip of the hand: one in six would take more than 150 times the median."""


class Dice(Protocol):
    """A stream of chance; the same seed gives the same stream."""

    def random(self) -> float:
        """At least 0, less than 1."""
        ...


Sampler = Callable[[Dice], float]


def _time(text: str) -> str:
    span = Span.parse(text)
    if span.unit == "wd" or span.amount < 0:
        raise ValueError(said("'%(text)s' has to be given in min, h or d; a day's work is 7.5 h", text=text))
    return text


Time = Annotated[str, AfterValidator(_time)]
_SECONDS = {"min": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    span = Span.parse(text)
    return span.amount * _SECONDS[span.unit]


class Spread(Part):
    """One of the four. Times count within the hours of whoever takes them."""

    fixed: Time | None = None
    exponential: Time | None = None
    """The mean."""
    median: Time | None = None
    """Lognormal, with `sigma`."""
    sigma: float = 0.8
    measured: Sequence[float] = ()
    """Seconds at equal steps of probability, from the shortest to the longest."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        """``30 min`` means: always."""
        if isinstance(data, int | float):
            raise ValueError(
                said("'%(text)s' is not a time; write for example 30 min, 4 h or {median: 4 h, sigma: 0.8}", text=data)
            )
        return {"fixed": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one(self) -> Spread:
        given = [self.fixed is not None, self.exponential is not None, self.median is not None, bool(self.measured)]
        if sum(given) != 1:
            raise ValueError(said("give one of fixed, exponential, median (with sigma) and measured"))
        return self

    @field_validator("sigma")
    @classmethod
    def _not_wild(cls, sigma: float) -> float:
        if not 0 <= sigma <= WIDEST:
            raise ValueError(
                said("lies between 0 and %(most)s; this is %(given)s", most=f"{WIDEST:g}", given=f"{sigma:g}")
            )
        return sigma

    @field_validator("measured")
    @classmethod
    def _in_order(cls, measured: Sequence[float]) -> Sequence[float]:
        if measured and (measured[0] < 0 or [*measured] != sorted(measured)):
            raise ValueError(said("has to be seconds from the shortest to the longest, none of them less than 0"))
        return measured

    def sampler(self) -> Sampler:
        """What draws from it, in seconds; made once, because it is asked millions of times."""
        if self.exponential is not None:
            mean = seconds(self.exponential)
            return lambda dice: -math.log(1.0 - dice.random()) * mean
        if self.median is not None:
            middle, sigma = seconds(self.median), self.sigma
            return lambda dice: middle * math.exp(sigma * _NORMAL.inv_cdf(dice.random() or 0.5))
        if self.fixed is not None:
            always = seconds(self.fixed)
            return lambda _dice: always
        measured = tuple(self.measured)
        return lambda dice: _between(measured, dice.random())


def _between(measured: Sequence[float], share: float) -> float:
    place = share * (len(measured) - 1)
    low = int(place)
    high = min(low + 1, len(measured) - 1)
    return measured[low] + (measured[high] - measured[low]) * (place - low)

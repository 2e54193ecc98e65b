"""听得进批评: several runs together: a mean, and the interval in which the true one lies nineteen times in twenty."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

from rules.simulation.figures import Figures

_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for 95 %, by degrees of freedom from 1 on (tables of the standard library end with the normal one)."""
_NORMAL = NormalDist().inv_cdf(0.975)


class Estimate(NamedTuple):
    """``low`` and ``high`` are the ends of the interval; of one run they are the mean, because it knows none."""

    mean: float
    low: float
    high: float


def estimate(values: Sequence[float]) -> Estimate:
    mean, n = fmean(values), len(values)
    if n < 2:
        return Estimate(mean, mean, mean)
    student = _STUDENT[n - 2] if n - 2 < len(_STUDENT) else _NORMAL
    half = student * stdev(values) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half)


class Together(NamedTuple):
    """The same as :class:`Figures`, of several runs."""

    city: Mapping[str, Estimate]
    late: Mapping[str, Estimate]
    stations: Mapping[str, Mapping[str, Estimate]]
    open: Sequence[Estimate]
    in_work: Sequence[Estimate]
    stuck: Mapping[str, int]


def together(runs: Sequence[Figures]) -> Together:
    """What some runs do not know, those that know it say."""
    names = dict.fromkeys(name for run in runs for name in run.stations)
    stations = {name: _each([run.stations[name] for run in runs if name in run.stations]) for name in sorted(names)}
    open_at, in_work = _at([run.open for run in runs]), _at([run.in_work for run in runs])
    stuck = sum((Counter(run.stuck) for run in runs), Counter[str]())
    city, late = _each([run.city for run in runs]), _each([run.late for run in runs])
    return Together(city, late, stations, open_at, in_work, stuck)


def _at(several: Sequence[Sequence[int]]) -> list[Estimate]:
    return [estimate(values) for values in zip(*several, strict=True)]


def _each(found: Iterable[Mapping[str, float]]) -> dict[str, Estimate]:
    several = [*found]
    names = dict.fromkeys(name for one in several for name in one)
    return {name: estimate([one[name] for one in several if name in one]) for name in names}

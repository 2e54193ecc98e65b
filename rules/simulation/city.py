"""认真解决: a city under one rulebook, with as many hands as its model gives it, and what a period does to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from rules.calendar import DAY
from rules.rulebook import Rulebook
from rules.simulation.arrivals import arrivals
from rules.simulation.matters import Kind, kinds
from rules.simulation.model import OFFICE, Model
from rules.simulation.people import Choice, People
from rules.simulation.run import Run
from rules.simulation.spread import Dice
from rules.simulation.tally import Tally
from rules.trials.learned import Learned
from rules.trials.moments import SECOND, moment

Streams = Callable[[str], Dice]
"""A name -> a stream of chance; the same name gives the same stream."""
PILOT_DAYS = 45
PILOT_WARM_UP = 20
PILOT_RATE = 1000
"""Complaints a day, of which is learned how much work one brings to each department."""
WEEK = 7
HOUR = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Period:
    """``start`` (microseconds since 1970) and ``days`` that count, after ``warm_up`` days that do not."""

    start: int
    days: int
    warm_up: int

    @property
    def begin(self) -> int:
        return self.start - self.warm_up * DAY * SECOND

    @property
    def end(self) -> int:
        return self.start + self.days * DAY * SECOND


class City:
    """What ``decide`` says under ``book`` is learned once for all runs."""

    def __init__(self, book: Rulebook, model: Model, streams: Streams) -> None:
        self.book, self.model, self._streams = book, model, streams
        self._learned = Learned(book)

    @property
    def asked(self) -> int:
        """How often ``decide`` had to be asked."""
        return self._learned.asked

    def staff(self, period: Period, progress: Callable[[float], None] = lambda _share: None) -> dict[str, int]:
        """Hands of each station: the model's number, else as many as a small pilot month finds work for."""
        if not any(duty.queued for duty in self.model.duties):
            return {}
        rate = min(self.model.arrivals.rate, PILOT_RATE)
        small = self.model.arrivals.model_copy(update={"rate": rate})
        pilot = replace(period, days=PILOT_DAYS, warm_up=PILOT_WARM_UP)
        tally = self._run(self.model.model_copy(update={"arrivals": small}), pilot, "pilot", {}, progress)
        a_week = self.model.arrivals.rate * WEEK / max(tally.received, 1)
        hours = self.model.arrivals.hours
        week = {True: 5 * self.book.calendar.hours.workday, False: WEEK * DAY * sum(hours) / len(hours) / max(hours)}
        hands = {}
        for station in tally.stations:
            needed = tally.busy[station] * a_week / (week[station.office] * self.model.load)
            own = self.model.servers.get(station.department)
            if own or needed:
                hands[station.name] = own or max(1, math.ceil(needed))
        return hands

    def live(
        self, period: Period, seed: int, hands: Mapping[str, int],
        progress: Callable[[float], None] = lambda _share: None,
    ) -> Tally:  # fmt: skip
        """One run. ``progress`` hears the share that is done, and may raise."""
        return self._run(self.model, period, str(seed), hands, progress)

    def _run(
        self, model: Model, period: Period, seed: str, hands: Mapping[str, int], progress: Callable[[float], None]
    ) -> Tally:
        """Arrivals have a stream of their own, so that two rulebooks under one seed get the same complaints."""
        matters = Choice(kinds(model.matters, self.book, moment(period.start)))
        people = People(model, self.book, matters, self._streams(f"people {seed}"))
        come = self._come(model, period, matters, self._streams(f"arrivals {seed}"))
        return Run(self._learned, people, Tally(period.start, period.end), _watched(come, period, progress), hands).go()

    def _come(self, model: Model, period: Period, matters: Choice[Kind], dice: Dice) -> Iterator[tuple[int, Kind]]:
        for at in arrivals(model.arrivals, self.book.calendar, dice, start=period.begin, end=period.end):
            yield at, matters.draw(dice)


def _watched(
    come: Iterator[tuple[int, Kind]], period: Period, progress: Callable[[float], None]
) -> Iterator[tuple[int, Kind]]:
    """Tell the progress with the first complaint of every hour."""
    hour = period.begin
    for at, kind in come:
        if at >= hour:
            hour = at + HOUR
            progress((at - period.begin) / (period.end - period.begin))
        yield at, kind


def shown(station: str) -> tuple[str, bool]:
    """Code of the department, and whether it works round the clock."""
    department, _, hours = station.rpartition(" ")
    return department, hours != OFFICE

"""听得进批评: what is counted in a simulated period, from ``start`` to ``end`` (microseconds)."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence

from rules.case import CITIZEN
from rules.pause import PAUSE
from rules.simulation.stations import Job, Station
from rules.trials.life import Life, Move, Times
from rules.trials.moments import SECOND
from rules.trials.situation import Situation

SAMPLE = 3600 * SECOND
"""Open cases are looked at once an hour."""


class Tally:
    """Counts of one run."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.received = self.closed = self.redos = 0
        self.open = self.in_work = 0
        """Cases open now; those of them that wait for somebody else than the citizen."""
        self.open_at: list[int] = []
        self.in_work_at: list[int] = []
        self.late: Counter[str] = Counter()
        """Clock -> how often it was stopped after it was due."""
        self.stopped: Counter[str] = Counter()
        self.rungs: Counter[str] = Counter()
        self.letters: Counter[str] = Counter()
        self.results: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.stuck: Counter[str] = Counter()
        """Duties that nobody of the model does."""
        self.whole = array("q")
        """Microseconds from reception to the end, of every case closed."""
        self.stations: list[Station] = []
        self.waits: dict[Station, array[float]] = {}
        """Seconds, within its hours, that jobs waited for a hand."""
        self.busy: dict[Station, float] = defaultdict(float)
        """Seconds that hands were busy."""

    def moved(self, life: Life, move: Move, was: Situation, before: Sequence[Times], now: int) -> None:
        """What an order meant. ``was``, ``before``: situation and clocks of the life before it."""
        for nth in move.stopped:
            clock = was.clocks[nth]
            if clock.holder != CITIZEN and clock.name != PAUSE:
                self.stopped[clock.name] += 1
                if before[nth].due < (before[nth].paused or now):
                    self.late[clock.name] += 1
        self.told(move)
        if move.to.result:
            self.closed += 1
            self.results[move.to.result] += 1
            self.whole.append(now - life.opened_at)

    def told(self, move: Move) -> None:
        for rung, _, _ in move.rungs:
            self.rungs[rung] += 1
        for letter in move.letters:
            self.letters[letter] += 1
        for kind in move.kinds:
            self.kinds[kind] += 1

    def began(self, station: Station, job: Job, now: int, done: int) -> None:
        """A hand has taken a job; it will be done at ``done``."""
        start, end = max(now, self.start), min(done, self.end)
        if start < end:
            self.busy[station] += job.seconds if (start, end) == (now, done) else station.between(start, end)
        if now >= self.start:
            waited = station.between(job.at, now) if now > job.at else 0.0
            self.waits.setdefault(station, array("d")).append(waited)

    def station(self, station: Station) -> None:
        self.stations.append(station)

"""谁主管、谁负责: the hands of a department, and what waits for them; first come, first served."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from rules.calendar import Calendar
from rules.simulation.model import OFFICE
from rules.trials.moments import SECOND


class Job(NamedTuple):
    """Work on one duty of one life: ``seconds`` of a hand, then ``act``; it came ``at`` (microseconds)."""

    life: Any
    duty: str
    act: str
    seconds: float
    at: int


class Station:
    """``hands`` of a department, within office hours or round the clock; 0: as many as there is work."""

    __slots__ = (
        "_since",
        "area",
        "busy",
        "calendar",
        "department",
        "hands",
        "jobs",
        "most",
        "name",
        "office",
        "waiting",
    )

    def __init__(self, department: str, hours: str, hands: int, calendar: Calendar) -> None:
        self.name = station_name(department, hours)
        self.department, self.hands, self.calendar = department, hands, calendar
        self.office = hours == OFFICE
        self.waiting: deque[Job] = deque()
        self.busy = self.most = self.jobs = 0
        self.area = 0
        """Waiting jobs times microseconds, since the counting began."""
        self._since = 0

    @property
    def is_free(self) -> bool:
        """Whether a hand is free."""
        return not self.hands or self.busy < self.hands

    def wait(self, job: Job) -> None:
        self.pass_time(job.at)
        self.waiting.append(job)
        self.most = max(self.most, len(self.waiting))

    def next(self, now: int) -> Job | None:
        """The one that waits longest, when a hand is free for it."""
        if not self.waiting or not self.is_free:
            return None
        self.pass_time(now)
        return self.waiting.popleft()

    def pass_time(self, now: int) -> None:
        """Count the waiting jobs up to ``now``."""
        self.area += len(self.waiting) * (now - self._since)
        self._since = now

    def count_anew(self, now: int) -> None:
        """What was before does not count."""
        self.pass_time(now)
        self.area, self.most, self.jobs = 0, len(self.waiting), 0

    def until(self, now: int, seconds: float) -> int:
        """When so much time has passed within the hours of the station."""
        if not self.office:
            return now + int(seconds * SECOND)
        return self.calendar.worked(now // SECOND, max(1, int(seconds))) * SECOND

    def between(self, start: int, end: int) -> float:
        """Seconds within its hours from ``start`` to ``end``."""
        if not self.office:
            return (end - start) / SECOND
        return float(self.calendar.working_seconds(start // SECOND, end // SECOND))


def station_name(department: str, hours: str) -> str:
    """Who works within office hours and who works round the clock are not the same people."""
    return f"{department} {hours}"

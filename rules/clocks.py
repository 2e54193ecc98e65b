"""限时反馈 and 预警/催办/督办/问责: when a clock speaks next, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rules.rulebook import Rulebook, Rung


@dataclass(frozen=True, slots=True)
class RungTime:
    """A rung of the ladder and the moment (UTC) it is reached."""

    rung: Rung
    at: datetime


def rung_times(
    rulebook: Rulebook, clock: str, urgency: str, *, since: datetime, due: datetime, process: str = ""
) -> list[RungTime]:
    """All rungs of a clock in order of time; a warning that would fall before the clock started is left out."""
    rungs = rulebook.ladder(clock, urgency, process, at=since)
    timed = [RungTime(rung, rulebook.calendar.add(due, rung.offset)) for rung in rungs]
    return sorted((t for t in timed if t.at > since), key=lambda t: t.at)


def next_rung(
    rulebook: Rulebook,
    clock: str,
    urgency: str,
    *,
    since: datetime,
    due: datetime,
    after: str = "",
    process: str = "",
) -> RungTime | None:
    """The rung that follows the rung named ``after`` (the first one when empty); ``None`` at the top of the ladder."""
    timed = rung_times(rulebook, clock, urgency, since=since, due=due, process=process)
    if not after:
        return timed[0] if timed else None
    names = [t.rung.name for t in timed]
    return timed[names.index(after) + 1] if after in names[:-1] else None

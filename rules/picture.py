"""机关流程再造: what a picture of a process says: stages, clocks with their spans, outcomes, ladders, live work.

A picture is plain text in one language; ``rules.picturing`` makes one, ``rules.drawing`` puts it on paper and
``rules.mermaid`` writes it down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class StageFigures:
    """The work in one stage: open cases, those of them that are late, and how long a finished stay took."""

    open: int = 0
    late: int = 0
    finished: int = 0
    median: timedelta | None = None
    ninetieth: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """What cases really did. ``moves``: (stage, outcome, next stage or ``closed``) -> how many times."""

    stages: Mapping[str, StageFigures] = field(default_factory=dict)
    moves: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Time:
    """How long a clock runs for one urgency (empty: for all), and the letter of the ladder it climbs."""

    urgency: str
    span: str
    ladder: str


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One clock; ``notes``: who holds it, what stops it, what silence means."""

    name: str
    notes: tuple[str, ...]
    times: tuple[Time, ...]


@dataclass(frozen=True, slots=True)
class Exit:
    """An outcome and where it leads. ``count``: how many cases took it (``None``: nobody counted).

    ``is_designed`` is false for a way that cases took although the process does not know it.
    """

    outcome: str
    target: str
    target_text: str
    count: int | None = None
    share: str = ""
    is_designed: bool = True


@dataclass(frozen=True, slots=True)
class StageBox:
    """One stage. ``notes``: which tables have a say in it; ``figures``: texts of the live numbers; ``late``: the one of
    them that is bad news."""

    name: str
    title: str
    owner: str
    clause: str
    clocks: tuple[ClockLine, ...]
    exits: tuple[Exit, ...]
    notes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    late: str = ""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs in order of time: name, offset from the due moment, who is told."""

    mark: str
    rungs: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the picture of one process says."""

    title: str
    begins: str
    ends: str
    clocks: tuple[ClockLine, ...]
    notes: tuple[str, ...]
    stages: tuple[StageBox, ...]
    ladders: tuple[Ladder, ...]
    ladder_title: str

    @property
    def busiest(self) -> int:
        """The largest count of any way; 0 when nobody counted."""
        return max((exit.count or 0 for box in self.stages for exit in box.exits), default=0)

"""推诿扯皮……严肃追究责任: ways that cases took beside the one designed: loops, shortcuts, steps nobody designed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rules.case import CLOSED
from rules.process import Process


@dataclass(frozen=True, slots=True)
class Variant:
    """One way. ``again``: stage -> how often it was visited, where more than once; ``skipped``: stages of the usual way
    that it leaves out; ``strange``: steps from one stage to another that the process does not have."""

    way: tuple[str, ...]
    count: int
    share: float
    again: tuple[tuple[str, int], ...] = ()
    skipped: tuple[str, ...] = ()
    strange: tuple[tuple[str, str], ...] = ()

    @property
    def is_open(self) -> bool:
        """These cases are still under way."""
        return self.way[-1] != CLOSED


def variants(process: Process, ways: Sequence[tuple[tuple[str, ...], int]], total: int) -> list[Variant]:
    """``ways`` in the same order, judged against ``process`` and against the most frequent way that came to an end."""
    finished = [(count, way) for way, count in ways if way[-1] == CLOSED]
    usual = max(finished, key=lambda one: one[0])[1] if finished else ()
    return [_judged(process, way, count, total, usual) for way, count in ways]


def _judged(process: Process, way: tuple[str, ...], count: int, total: int, usual: tuple[str, ...]) -> Variant:
    visits = Counter(way)
    steps = {(name, target) for name, stage in process.stages.items() for target in stage.outcomes.values()}
    known = steps | {("", process.start)}
    walked = pairwise(("", *way))
    return Variant(
        way,
        count,
        count / total if total else 0.0,
        again=tuple((stage, times) for stage, times in visits.items() if times > 1),
        skipped=tuple(stage for stage in usual if stage not in visits) if way[-1] == CLOSED else (),
        strange=tuple(dict.fromkeys(step for step in walked if step not in known)),
    )


def never_taken(process: Process, moves: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Ways the process has but no case took: (stage, outcome, next stage)."""
    taken = set(moves)
    designed = [(s.name, outcome, target) for s in process.stages.values() for outcome, target in s.outcomes.items()]
    return [way for way in designed if way not in taken]

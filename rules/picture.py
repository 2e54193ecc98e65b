"""机关流程再造: what a picture of a process says: stages, clocks with their spans, outcomes, ladders, live work.

A picture is plain text in one language; ``rules.drawing`` puts it on paper and ``rules.mermaid`` writes it down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from rules.calendar import Span
from rules.case import CLOSED, Urgency
from rules.process import ClockSpec, Process, Stage
from rules.rulebook import Rulebook, Rung

MARKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Ladders are named by letters, so that a clock can point to its own."""

CAPS = ("returns", "redos", "contests", "appeals", "pauses")


class Words(Protocol):
    """How codes are said in one language; ``say`` knows the codes of this module: ``begins``, ``until``, ``here`` …"""

    def label(self, names: Mapping[str, str]) -> str: ...
    def outcome(self, stage: Stage, outcome: str) -> str: ...
    def clock(self, stage: str, name: str) -> str: ...
    def term(self, code: str) -> str: ...
    def told(self, to: str) -> str: ...
    def span(self, span: Span) -> str: ...
    def offset(self, span: Span) -> str: ...
    def length(self, length: timedelta) -> str: ...
    def listed(self, words: Sequence[str]) -> str: ...
    def share(self, part: float) -> str: ...
    def say(self, code: str, **places: object) -> str: ...


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
    """One stage. ``figures``: texts of the live numbers; ``late``: the one of them that is bad news."""

    name: str
    title: str
    owner: str
    clause: str
    clocks: tuple[ClockLine, ...]
    exits: tuple[Exit, ...]
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


def picture(
    book: Rulebook, process: Process, words: Words, *, at: datetime | None = None, live: Live | None = None
) -> Picture:
    """The picture of ``process`` in ``words`` as the rules are at ``at``, with live work on it when there is some."""
    return _Painter(book, process, words, at, live).picture()


class _Painter:
    def __init__(self, book: Rulebook, process: Process, words: Words, at: datetime | None, live: Live | None) -> None:
        self.book, self.process, self.words, self.at, self.live = book, process, words, at, live
        self.marks: dict[tuple[Rung, ...], str] = {}

    def picture(self) -> Picture:
        w, process = self.words, self.process
        clocks = tuple(self.clock("", name, spec) for name, spec in process.clocks.items())
        stages = tuple(self.box(stage) for stage in self.ordered())
        return Picture(
            title=w.label(process.label),
            begins=w.say("begins"),
            ends=w.term(CLOSED),
            clocks=clocks,
            notes=tuple(self.caps()),
            stages=stages,
            ladders=tuple(Ladder(mark, tuple(map(self.rung, rungs))) for rungs, mark in self.marks.items()),
            ladder_title=w.say("ladder"),
        )

    def ordered(self) -> list[Stage]:
        """In the order of the file, the first stage of a case first."""
        return sorted(self.process.stages.values(), key=lambda stage: stage.name != self.process.start)

    def box(self, stage: Stage) -> StageBox:
        w = self.words
        figures, late = self.figures(stage.name)
        return StageBox(
            name=stage.name,
            title=w.label(stage.label),
            owner=w.term(stage.owner),
            clause=stage.clause,
            clocks=tuple(self.clock(stage.name, name, spec) for name, spec in stage.clocks.items()),
            exits=(*self.exits(stage), *self.detours(stage)),
            figures=figures,
            late=late,
        )

    def clock(self, stage: str, name: str, spec: ClockSpec) -> ClockLine:
        w, owner = self.words, self.process.stages[stage].owner if stage else ""
        notes = [w.term(spec.holder)] if spec.holder != owner else []
        if spec.stopped_by:
            notes.append(w.say("until", action=w.term(spec.stopped_by)))
        if spec.extendable:
            notes.append(w.say("extendable"))
        if spec.on_due and stage:
            outcome = w.outcome(self.process.stages[stage], spec.on_due)
            notes.append(w.say("then", outcome=outcome))
        return ClockLine(w.clock(stage, name), tuple(notes), self.times(name))

    def times(self, clock: str) -> tuple[Time, ...]:
        """One for each urgency; a single one when all urgencies are alike."""
        found = [time for urgency in Urgency for time in self.time(clock, urgency)]
        alike = len(found) == len(Urgency) and len({(time.span, time.ladder) for time in found}) == 1
        return (Time("", found[0].span, found[0].ladder),) if alike else tuple(found)

    def time(self, clock: str, urgency: str) -> Iterator[Time]:
        span = self.book.deadline(self.process.name, clock, urgency, at=self.at).value
        if span is not None:
            rungs = self.book.ladder(clock, urgency, at=self.at)
            yield Time(self.words.term(urgency), self.words.span(span), self.mark(rungs) if rungs else "")

    def mark(self, rungs: tuple[Rung, ...]) -> str:
        return self.marks.setdefault(rungs, MARKS[len(self.marks) % len(MARKS)])

    def rung(self, rung: Rung) -> tuple[str, str, str, str]:
        name = self.words.term(rung.name)
        told = [self.words.told(to) for to in rung.to]
        return rung.name, name, self.words.offset(rung.offset), self.words.listed([w for w in told if w != name])

    def exits(self, stage: Stage) -> Iterator[Exit]:
        total = sum(count for (name, _, _), count in self.moves().items() if name == stage.name)
        for outcome, target in stage.outcomes.items():
            count = self.moves().get((stage.name, outcome, target), 0) if self.live else None
            share = self.words.share(count / total) if count else ""
            yield Exit(self.words.outcome(stage, outcome), target, self.target(target), count, share)

    def detours(self, stage: Stage) -> Iterator[Exit]:
        """Ways that cases took although this process does not know them; an older version did, or a migration."""
        for (name, outcome, target), count in self.moves().items():
            if name == stage.name and stage.outcomes.get(outcome) != target:
                yield Exit(self.words.outcome(stage, outcome), target, self.target(target), count, is_designed=False)

    def target(self, name: str) -> str:
        found = self.process.stages.get(name)
        return self.words.label(found.label) if found else self.words.term(name)

    def moves(self) -> Mapping[tuple[str, str, str], int]:
        return self.live.moves if self.live else {}

    def figures(self, stage: str) -> tuple[tuple[str, ...], str]:
        """The live numbers of a stage as texts, and the late cases apart."""
        if self.live is None:
            return (), ""
        w, found = self.words, self.live.stages.get(stage, StageFigures())
        texts = [w.say("here", count=found.open)]
        if found.median is not None and found.ninetieth is not None:
            texts.append(w.say("half", length=w.length(found.median)))
            texts.append(w.say("ninety", length=w.length(found.ninetieth)))
        return tuple(texts), w.say("late", count=found.late) if found.late else ""

    def caps(self) -> Sequence[str]:
        w, caps = self.words, self.process.caps
        given = {name: getattr(caps, name, None) for name in CAPS}
        return [w.say(name, count=count) for name, count in given.items() if count is not None]

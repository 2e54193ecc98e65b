"""机关流程再造: a process of a rulebook becomes a picture in the words of one language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from rules.calendar import Span
from rules.case import CLOSED, Urgency
from rules.picture import ClockLine, Exit, Ladder, Live, Picture, StageBox, StageFigures, Time
from rules.process import ClockSpec, Process, Stage
from rules.rulebook import Rulebook, Rung

MARKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Ladders are named by letters, so that a clock can point to its own."""
CAPS = ("returns", "redos", "contests", "appeals", "extensions", "pauses")


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
            notes=tuple(self.conditions(stage)),
            figures=figures,
            late=late,
        )

    def conditions(self, stage: Stage) -> Iterator[str]:
        """Where a table decides whether something is possible, or how a stage ends."""
        w = self.words
        for action, guard in stage.guards.items():
            yield w.say("guard", action=w.term(action), table=guard.table)
        for outcome, table in stage.chosen_by.items():
            yield w.say("chosen", outcome=w.outcome(stage, outcome), table=table)

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
            rungs = self.book.ladder(clock, urgency, self.process.name, at=self.at)
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

    def caps(self) -> Iterator[str]:
        """How often something may happen in one case, and for which reasons its clocks may stand still."""
        w, process = self.words, self.process
        for name in CAPS:
            if (count := getattr(process.caps, name)) is not None:
                yield w.say(name, count=count)
        for reason in process.pauses.values():
            yield w.say("pause", cause=w.label(reason.label), span=w.span(reason.longest_span))

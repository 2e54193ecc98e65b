"""限时反馈: one past case led through one rulebook, with everything that is compared afterwards.

The software itself takes no time here: what follows from an answer follows at once, and a clock speaks to the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rules.case import Role
from rules.pause import PAUSE
from rules.process import StageKind
from rules.rulebook import Rulebook
from rules.trials.learned import RETURN, Learned
from rules.trials.life import Life, Move, Order
from rules.trials.past import Likeness, Past
from rules.trials.situation import Duty, OpenClock, Situation


class Late(NamedTuple):
    """A clock that was still open after its due moment, and who was late."""

    clock: str
    holder: str
    due: int


class Task(NamedTuple):
    """A duty that was given to a department."""

    at: int
    party: str
    role: str


class Under:
    """One rulebook, and what was learned of it so far."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self.learned = Learned(book)
        self._likeness = Likeness(book)
        self._timed: dict[int, Sequence[tuple[int, OpenClock]]] = {}
        self.desk = book.offices["desk"].code if "desk" in book.offices else ""

    def like(self, past: Past) -> tuple[Any, ...]:
        """Cases that are alike in it begin alike."""
        return self._likeness.of(past.complaint, past.opened_at)

    def begin(self, past: Past) -> Trail:
        like = self.like(past)
        life, move = self.learned.begin(past.complaint, past.opened_at, like=like)
        return Trail(self, life, move)

    def kind(self, process: str, stage: str) -> StageKind | None:
        found = self.book.process(process).stages.get(stage)
        return found.kind if found else None

    def has_stage(self, process: str, stage: str) -> bool:
        return stage in self.book.process(process).stages

    def is_always(self, process: str, role: str, action: str) -> bool:
        """Whether a party may do that in every stage."""
        return action in self.book.process(process).always.get(Role(role), ())

    def timed(self, here: Situation) -> Sequence[tuple[int, OpenClock]]:
        """Places of the clocks for which somebody can be late: silence is nobody's fault, nor is a pause."""
        found = self._timed.get(here.id)
        if found is None:
            named = enumerate(here.clocks)
            found = self._timed[here.id] = [(n, c) for n, c in named if not c.on_due and c.name != PAUSE]
        return found

    def holder(self, life: Life, clock: OpenClock) -> str:
        """Who is late: whoever has the duty; for the whole case the lead, else the first receiver."""
        return life.party(clock.holder) if clock.assignment else life.lead or self.desk


class Trail:
    """A life and its traces.

    ``dues``: clock id -> due moment as it was last; ``holders``: who has it (empty: whoever leads); ``leads``: who led
    after each move; ``returns``: of each attempt to give the case back its moment, since when it was had, process and
    urgency.
    """

    __slots__ = (
        "_visits", "dues", "entered_at", "holders", "last_stage", "late", "leads", "life", "moves", "now",
        "returns", "tasks", "under",
    )  # fmt: skip

    def __init__(self, under: Under, life: Life, born: Move) -> None:
        self.under, self.life = under, life
        self.now = self.entered_at = life.opened_at
        self.moves: list[tuple[int, Move]] = []
        self.leads: list[str] = []
        self.tasks: list[Task] = []
        self.returns: list[tuple[int, int, str, str]] = []
        self.dues: dict[str, int] = {}
        self.holders: dict[str, str] = {}
        self.late: dict[str, Late] = {}
        self.last_stage, self._visits = "", 0
        self._take(born, life.opened_at)

    @property
    def is_closed(self) -> bool:
        return self.life.situation.result is not None

    @property
    def waits_for_silence(self) -> bool:
        """Whether the case goes on by itself when nobody answers."""
        return any(clock.on_due for clock in self.life.situation.clocks)

    def until(self, at: int) -> None:
        """Let time pass: what the clocks owe happens at its moment."""
        life = self.life
        while (next_at := life.next_at) is not None and next_at <= at and life.situation.result is None:
            self._see(next_at)
            self._take(self.under.learned.look(life, next_at), next_at)
            self._settle(next_at)
        self.now = max(self.now, at)
        self._see(at)

    def act(self, order: Order, at: int) -> Move:
        """Let somebody do something ``at``, to which time has passed already; a refusal changes nothing."""
        if order.action == RETURN and (found := self.duty(order.assignment)):
            here = self.life.situation
            self.returns.append((at, self.life.duties[found[0]], here.process, here.urgency))
        move = self.under.learned.act(self.life, order, at)
        if not move.refusal:
            self._take(move, at)
        return move

    def settle(self) -> None:
        """Carry the case on, when it moves."""
        self._settle(self.now)

    def duty(self, id: str | None) -> tuple[int, Duty] | None:
        """Place and form of an open duty."""
        return next(((n, d) for n, d in enumerate(self.life.situation.duties) if d.id == id), None)

    def since(self, nth: int) -> int:
        """From when somebody could act under the ``nth`` duty: it was given, and the stage had begun."""
        return max(self.life.duties[nth], self.entered_at)

    def works(self, duty: str) -> bool:
        """Whether the time of a duty is counted in working days: some clock of it is."""
        here = self.life.situation
        return any(w for c, w in zip(here.clocks, here.working, strict=True) if c.assignment == duty)

    def letters(self, cut: int) -> Iterator[str]:
        """Letters written up to a moment."""
        return (letter for at, move in self.moves if at <= cut for letter in move.letters)

    def _settle(self, now: int) -> None:
        if (move := self.under.learned.settle(self.life, now)) is not None:
            self._take(move, now)

    def _take(self, move: Move, now: int) -> None:
        life, here = self.life, move.to
        self.moves.append((now, move))
        self.leads.append(life.lead)
        if here.visits != self._visits:
            self._visits, self.entered_at = here.visits, now
        if here.result is None:
            self.last_stage = here.stage
        for n in move.opened:
            duty = here.duties[n]
            self.tasks.append(Task(now, life.party(duty.party), duty.role))
        for how, clock, times in zip(move.clocks, here.clocks, life.clocks, strict=True):
            if how.__class__ is not int:
                self.dues[clock.id] = times.due
                self.holders[clock.id] = life.party(clock.holder) if clock.assignment else ""

    def _see(self, now: int) -> None:
        """Who is late by now; somebody who is given more time afterwards was late all the same."""
        life = self.life
        here = life.situation
        for n, clock in self.under.timed(here):
            times = life.clocks[n]
            if times.due < now and times.paused is None and clock.id not in self.late and self._counts(clock, n):
                self.late[clock.id] = Late(clock.name, self.under.holder(life, clock), times.due)

    def _counts(self, clock: OpenClock, nth: int) -> bool:
        """A clock without any rung makes nobody late."""
        here, started = self.life.situation, self.life.clocks[nth].started
        return bool(self.under.learned.timing.ladder(here.process, clock.name, here.urgency, started).rungs)


def name_of(clock: str) -> str:
    """``fix`` of ``fix-2``."""
    return clock.rpartition("-")[0] or clock

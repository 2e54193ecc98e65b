"""一案一流程: one case of a trial: its situation, its departments and its moments, and what was done to it so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from rules.case import CITIZEN, Case, Complaint, Entry, Signal
from rules.decide import PROCEED, decide, submit
from rules.evolve import evolve, fold
from rules.rulebook import Rulebook
from rules.trials.moments import micros, moment
from rules.trials.situation import Party, Situation

NUMBER = "trial"


class Order(NamedTuple):
    """A signal as it can be compared: ``data`` are its fields, ``parties`` the departments in them, by field name."""

    action: str
    assignment: str | None = None
    data: tuple[tuple[str, Any], ...] = ()
    parties: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def fields(self) -> dict[str, Any]:
        """As the action's form is filled in."""
        one = {name: codes[0] if name == "department" else list(codes) for name, codes in self.parties}
        return dict(self.data) | one


SETTLE = Order(PROCEED)
"""Carry a moving case on until it waits for somebody."""


class Times(NamedTuple):
    """Moments of a clock; ``next``: its next rung, or what silence means. ``rung``: the one reached last."""

    started: int
    due: int
    next: int | None
    paused: int | None = None
    rung: str = ""


class Life:
    """A case under way. ``clocks`` and ``duties`` (since when) are in the order of its situation.

    ``alarm`` and ``tag`` belong to whoever leads it: when it will be looked at next, and anything else.
    """

    __slots__ = (
        "alarm",
        "clocks",
        "complaint",
        "duties",
        "next_at",
        "opened_at",
        "parties",
        "past",
        "situation",
        "tag",
    )

    situation: Situation

    def __init__(self, complaint: Complaint, opened_at: int) -> None:
        self.complaint = complaint
        self.opened_at = opened_at
        self.parties: tuple[str, ...] = ()
        self.clocks: list[Times] = []
        self.duties: list[int] = []
        self.past: list[tuple[Order, int]] = []
        self.next_at: int | None = None
        self.alarm: int | None = None
        self.tag: Any = None

    def party(self, party: Party | None) -> str:
        """The code of a department of the situation."""
        return self.parties[party] if isinstance(party, int) else party or ""

    @property
    def lead(self) -> str:
        return self.party(self.situation.lead)

    @property
    def partners(self) -> list[str]:
        return [self.party(p) for p in self.situation.partners]

    def case(self, book: Rulebook) -> Case:
        """The case itself: everything that was done to it, done again by ``decide``."""
        case = fold(NUMBER, submit(book, NUMBER, self.complaint, moment(self.opened_at)))
        for order, at in self.past:
            _, case = carry_out(book, case, order, moment(at), self.complaint)
        return case


def carry_out(
    book: Rulebook, case: Case, order: Order, now: datetime, complaint: Complaint
) -> tuple[list[Entry], Case]:
    """What ``decide`` says to an order, and the case after it. Raises ``Refusal``."""
    entries: list[Entry] = []
    while order is not SETTLE or case.is_moving:
        decided = decide(book, case, _signal(case, order, complaint), now)
        entries += decided
        for entry in decided:
            case = evolve(case, entry)
        if order is not SETTLE:
            break
    return entries, case


def _signal(case: Case, order: Order, complaint: Complaint) -> Signal:
    if order is SETTLE:
        return Signal(PROCEED, complaint=complaint)
    if order.assignment is None:
        return Signal(order.action)
    held = case.assignment(order.assignment)
    return Signal(order.action, held.party if held else CITIZEN, order.assignment, order.fields())


def times_of(case: Case) -> Mapping[str, Times]:
    """Moments of the open clocks by id, as the case itself has them."""

    def at(when: datetime | None) -> int | None:
        return None if when is None else micros(when)

    return {
        c.id: Times(micros(c.started_at), micros(c.due_at), at(c.next_at), at(c.paused_at), c.rung)
        for c in case.clocks
        if c.is_open
    }


@dataclass(frozen=True, slots=True)
class Move:
    """What one order means in one situation, learned once from ``decide``.

    ``clocks``: how each clock of the new situation gets its moments: the place of an old one that goes on unchanged,
    or what happens to it. ``duties``: the place of the old duty, negative for a new one. ``parties``: the place among
    the departments before (and those the order names), or a code.
    """

    to: Situation
    _: KW_ONLY
    refusal: str = ""
    clocks: Sequence[Any] = ()
    duties: Sequence[int] = ()
    parties: Sequence[Party] = ()
    kinds: Sequence[str] = ()
    letters: Sequence[str] = ()
    opened: Sequence[int] = ()
    """Places of the new duties in the new situation."""
    stopped: Sequence[int] = ()
    """Places of the clocks that were stopped, in the old situation."""
    rungs: Sequence[tuple[str, str, Party]] = ()
    """Rungs reached: rung, clock, who is late."""

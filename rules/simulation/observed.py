"""建立台账: what a ledger knows of how people behave, as far as a simulation needs it. Moments are microseconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Deed(NamedTuple):
    """An action and when it was done."""

    action: str
    at: int


@dataclass(frozen=True, slots=True)
class Task:
    """An assignment: whose, since when, until when (``None``: it is open), and what was done under it."""

    process: str
    stage: str
    role: str
    party: str
    opened: int
    ended: int | None
    deeds: Sequence[Deed]

    @property
    def act(self) -> str:
        """What its holder ended it with; empty: it is open, or ended without the holder."""
        return next((deed.action for deed in reversed(self.deeds) if deed.at == self.ended), "")

    def first(self, action: str) -> int | None:
        """When something was first done."""
        return next((deed.at for deed in self.deeds if deed.action == action), None)


@dataclass(slots=True)
class Visit:
    """A citizen reads an answer: ``action`` is what they said to it, empty for silence or nothing yet."""

    opened: int
    action: str = ""
    ended: int | None = None


@dataclass(slots=True)
class Observed:
    """Everything about the cases received from ``since`` to ``until``."""

    since: int
    until: int
    arrivals: list[int] = field(default_factory=list)
    matters: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)
    """(type, channel, category, district, words) -> how many."""
    tasks: list[Task] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    solved: Counter[str] = field(default_factory=Counter)
    satisfied: Counter[tuple[str, int]] = field(default_factory=Counter)
    yellow: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(process, stage) -> yellow cards of clocks that may be extended."""
    days: Counter[int] = field(default_factory=Counter)
    """Days of the extensions granted."""
    pauses: list[int] = field(default_factory=list)
    """How long clocks stood still, in microseconds."""
    withdrawn: list[int] = field(default_factory=list)
    """How long after reception complaints were withdrawn, in microseconds."""
    cases: int = 0
    """How many cases were looked at for all but the arrivals."""

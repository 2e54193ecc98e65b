"""A case without any server: the same decide as in the product, driven by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.rulebook_files import read_folder
from infra.settings import RULEBOOKS
from rules.actions import Offer, offers
from rules.case import SYSTEM, Case, Complaint, Entry, Signal
from rules.decide import PROCEED, TICK, decide, submit
from rules.evolve import fold
from rules.rulebook import Rulebook, build

NOISE = {
    "channel": "web",
    "subject": "半夜施工噪声",
    "description": "工地每天凌晨打桩",
    "address": "市南区香港中路",
}
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""Monday 23 November 2026, 10:00 in Qingdao."""


@pytest.fixture(scope="session")
def book() -> Rulebook:
    return build(read_folder(RULEBOOKS / "qingdao"))


@dataclass
class Life:
    """One complaint under the rules, with a clock that only moves when told."""

    book: Rulebook
    complaint: Complaint
    now: datetime = MONDAY
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entries = submit(self.book, "QD-TEST", self.complaint, self.now)
        self.settle()

    @property
    def case(self) -> Case:
        return fold("QD-TEST", self.entries)

    def signal(self, signal: Signal) -> list[Entry]:
        new = decide(self.book, self.case, signal, self.now)
        self.entries += new
        return new

    def settle(self) -> None:
        """What the flow does: carry a moving case into its next stage."""
        while self.case.is_moving:
            self.signal(Signal(PROCEED, complaint=self.complaint))

    def act(self, action: str, role: str, **data: Any) -> list[Entry]:
        """The open assignment of ``role`` does ``action``; then the flow settles the case."""
        assignment = self.case.open_assignments(role)[0]
        new = self.signal(Signal(action, assignment.party, assignment.id, data))
        self.settle()
        return new

    def wait(self, **span: float) -> list[Entry]:
        """Let time pass, and the pulse look."""
        self.now += timedelta(**span)
        new = self.signal(Signal(TICK, SYSTEM))
        self.settle()
        return new

    def offer(self, action: str, role: str) -> Offer:
        assignment = self.case.open_assignments(role)[0]
        return next(o for o in offers(self.book, self.case, assignment, self.now) if o.action == action)

    def letters(self, name: str) -> list[dict[str, Any]]:
        return [letter for e in self.entries for letter in e.data.get("letters", ()) if letter["letter"] == name]


@pytest.fixture
def life(book: Rulebook):
    """A new complaint: by default night-time building noise in Shinan, which has one owner."""

    def begin(**matter: Any) -> Life:
        return Life(book, Complaint(**NOISE | matter))

    return begin


@pytest.fixture
def life_under():
    """A new complaint under Qingdao's rulebook with some texts replaced: ``(file, old, new)``."""

    def begin(*changes: tuple[str, str, str], **matter: Any) -> Life:
        files = dict(read_folder(RULEBOOKS / "qingdao"))
        for file, old, new in changes:
            assert old in files[file], f"{old!r} is no longer in {file}"
            files[file] = files[file].replace(old, new, 1)
        return Life(build(files), Complaint(**NOISE | matter))

    return begin

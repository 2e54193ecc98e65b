"""建立台账: every case is in the ledger, and a case is nothing but its entries, folded.

A :class:`Signal` is something the world did to a case, an :class:`Entry` is a fact the ledger keeps, a
:class:`Case` is what the entries add up to (``rules.evolve``). All moments are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Data = Mapping[str, Any]
"""Plain JSON values; moments inside are ISO 8601 texts in UTC."""

CLOSED = "closed"
"""The name of the stage after the last one."""
CITIZEN = "citizen"
SYSTEM = "system"


TYPES = ("complaint", "consultation", "help", "report", "suggestion", "praise", "petition")
"""诉求类型: what somebody brings (投诉、咨询、求助、举报、建议、表扬、信访)."""


class Role(StrEnum):
    """What a party is in a case."""

    LEAD = "lead"
    PARTNER = "partner"
    DESK = "desk"
    REVIEWER = "reviewer"
    CITIZEN = "citizen"


class Urgency(StrEnum):
    """Class of deadlines (domain.md, default deadlines)."""

    URGENT = "urgent"
    NORMAL = "normal"
    COMPLEX = "complex"


class Answer(StrEnum):
    """The honest results of the policy: answered at once, fixed, planned and explained, refused and explained."""

    ANSWERED = "answered"
    FIXED = "fixed"
    PLANNED = "planned"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What one citizen brought, without the person (name, phone and mail never enter the rules)."""

    channel: str
    subject: str
    description: str
    type: str = "complaint"
    category: str | None = None
    district: str | None = None
    address: str = ""
    lat: float | None = None
    long: float | None = None
    anonymous: bool = False
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """Something the outside world did to a case: an answer, a rating, a due clock.

    ``assignment`` names the duty it was done under (``None`` for the system and the desk's own orders).
    """

    action: str
    actor: str = SYSTEM
    assignment: str | None = None
    data: Data = field(default_factory=dict)
    complaint: Complaint | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact in the past tense: who, when, what, and what follows from it.

    Besides its own fields ``data`` may carry consequences, which every kind of entry shares:
    ``outcome`` (how the present stage ended), ``open`` (assignments), ``end`` (assignment ids -> how),
    ``start`` (clocks), ``stop``, ``pause`` (clock ids), ``resume`` (``{id, due, next}``), ``letters``
    (``{letter, to, assignment, ...values}``), ``rows`` (table -> row id that decided).
    """

    kind: str
    at: datetime
    actor: str
    data: Data


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """派单: one party's duty in a case; a signed link is bound to exactly one."""

    id: str
    party: str
    role: str
    stage: str
    opened_at: datetime
    ruled: bool = False
    claimed_at: datetime | None = None
    contacted_at: datetime | None = None
    ended_at: datetime | None = None
    how: str = ""
    contribution: str = ""

    @property
    def is_open(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """时限: a timer of a stage, of one assignment, or of the whole case.

    ``next_at`` is the moment something happens next (a rung of the ladder, or what silence means);
    ``None`` when nothing is left to happen.
    """

    id: str
    name: str
    holder: str
    started_at: datetime
    due_at: datetime
    next_at: datetime | None
    assignment: str | None = None
    stage: str = ""
    rung: str = ""
    on_due: str = ""
    paused_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """It has not been stopped for good; it may stand still for a while."""
        return self.stopped_at is None

    @property
    def runs(self) -> bool:
        return self.is_open and self.paused_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """案件: the complaint with everything that happened to it."""

    number: str
    rulebook: str
    process: str
    opened_at: datetime
    channel: str = ""
    type: str = ""
    category: str | None = None
    district: str | None = None
    urgency: str = Urgency.NORMAL
    anonymous: bool = False
    confidential: bool = False
    stage: str = ""
    outcome: str | None = None
    visits: Mapping[str, int] = field(default_factory=dict)
    lead: str | None = None
    partners: tuple[str, ...] = ()
    ruled: bool = False
    assignments: tuple[Assignment, ...] = ()
    clocks: tuple[Clock, ...] = ()
    returns: int = 0
    extensions: int = 0
    redos: int = 0
    contests: int = 0
    appeals: int = 0
    reviews: int = 0
    answer: str = ""
    reply: str = ""
    explanation: str = ""
    final: bool = False
    plan: Data | None = None
    dispute: Data | None = None
    rating: Data | None = None
    review: Data | None = None
    pause: Data | None = None
    pauses: Mapping[str, int] = field(default_factory=dict)
    result: str | None = None
    closed_at: datetime | None = None
    updated_at: datetime | None = None
    seq: int = 0

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None

    @property
    def is_moving(self) -> bool:
        """The present stage has ended (or none has begun), and the next one has not been entered."""
        return not self.is_closed and (self.stage == "" or self.outcome is not None)

    @property
    def next_at(self) -> datetime | None:
        """When the next clock wants attention; ``None`` for a closed case or one without running clocks."""
        return min((c.next_at for c in self.clocks if c.runs and c.next_at is not None), default=None)

    def due(self, now: datetime) -> bool:
        """Whether a clock wants attention at ``now``."""
        return not self.is_closed and (at := self.next_at) is not None and at <= now

    def assignment(self, id: str) -> Assignment | None:
        return next((a for a in self.assignments if a.id == id), None)

    def open_assignments(self, role: str | None = None) -> tuple[Assignment, ...]:
        return tuple(a for a in self.assignments if a.is_open and role in (None, a.role))

    def running(self, name: str, assignment: str | None = None) -> Clock | None:
        """The running clock of that name (of that assignment, when one is given)."""
        return next((c for c in self.clocks if c.runs and c.name == name and assignment in (None, c.assignment)), None)

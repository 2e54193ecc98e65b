"""谁主管、谁负责: a department that has ended hands its cases over to its successor; one that goes on keeps them.

A new catalogue takes no case away from a department that is at work on it (首接负责); it decides about new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rules.case import Assignment, Case, Role
from rules.refusals import Refusal

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

MOVED = "moved"
"""How the assignment of a department ends that another one takes over from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a migration was ordered to do: by whom and why, which stages and departments stand for which (old -> new),
    and whether a deadline may become ``later`` (then the citizen is told)."""

    by: str
    note: str = ""
    stages: Mapping[str, str] = field(default_factory=dict)
    departments: Mapping[str, str] = field(default_factory=dict)
    later: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Who goes on with a case. ``ended``: assignment -> how; ``opened``: those in their place; ``instead``: assignment
    -> the one in its place, or ``None`` when nobody needs to go on with it."""

    lead: str | None
    partners: tuple[str, ...]
    ended: Mapping[str, str]
    opened: Sequence[Mapping[str, Any]]
    instead: Mapping[str, Mapping[str, Any] | None]


def hand_over(case: Case, new: Rulebook, at: datetime, move: Move) -> HandOver:
    """The departments of a case under new rules. Raises :class:`Refusal` when one that is needed has no successor."""
    heirs = Heirs(case, new, at, move)
    lead = heirs.of(case.lead, Role.LEAD) if case.lead else None
    others = (heirs.of(code, Role.PARTNER) for code in case.partners)
    partners = tuple(dict.fromkeys(code for code in others if code and code != lead))
    instead: dict[str, Mapping[str, Any] | None] = {}
    for own in case.open_assignments():
        party = own.party if own.role == Role.CITIZEN else heirs.of(own.party, own.role)
        if party != own.party:
            _can_be_handed_over(case, own)
            instead[own.id] = _assignment(case, own, party, [one for one in instead.values() if one], lead)
    ended = dict.fromkeys(instead, MOVED)
    return HandOver(
        lead=lead, partners=partners, ended=ended, opened=list(filter(None, instead.values())), instead=instead
    )


@dataclass(frozen=True, slots=True)
class Heirs:
    """Who answers under new rules for what a department answered for."""

    case: Case
    new: Rulebook
    at: datetime
    move: Move

    def of(self, code: str, role: str) -> str | None:
        """``None``: nobody needs to. Raises :class:`Refusal` when somebody would."""
        named = self.move.departments.get(code) or self.new.successor(code, at=self.at)
        if named in self.new.departments:
            return named
        if role == Role.DESK:
            return self.new.office("desk").code
        if role == Role.LEAD:
            return self.new.route(self.case.category, self.case.district, at=self.at).lead
        if role == Role.PARTNER:
            return None
        raise Refusal("department_gone", department=code)


def _can_be_handed_over(case: Case, own: Assignment) -> None:
    """Clocks that stand still belong to whoever paused them."""
    if any(clock.assignment == own.id and clock.stopped_at is None and not clock.runs for clock in case.clocks):
        raise Refusal("task_paused", department=own.party)


def _assignment(
    case: Case, own: Assignment, party: str | None, opened: Sequence[Mapping[str, Any]], lead: str | None
) -> Mapping[str, Any] | None:
    """The successor's assignment; none when the successor takes part in the case already."""
    busy = {lead, *(a.party for a in case.open_assignments(own.role)), *(one["party"] for one in opened)}
    if party is None or (own.role == Role.PARTNER and party in busy):
        return None
    nth = sum(a.role == own.role for a in case.assignments) + sum(one["role"] == own.role for one in opened) + 1
    carried = {"ruled": own.ruled, "claimed": own.claimed_at is not None, "contacted": own.contacted_at is not None}
    return {"id": f"{own.role}-{nth}", "party": party, "role": own.role} | {k: v for k, v in carried.items() if v}

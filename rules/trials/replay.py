"""限时反馈: the same people, the same times, other rules: a past case led once more, under the draft.

Whoever took three working days from the assignment to the answer takes three working days again, whenever the draft
gives the assignment (ADR 0009). What nobody did in the past, nobody does here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rules.case import Role
from rules.process import StageKind
from rules.trials.life import Order
from rules.trials.moments import SECOND, Length
from rules.trials.past import Past
from rules.trials.situation import Duty
from rules.trials.trail import Trail, Under

HANDLING = frozenset({StageKind.DEPARTMENTAL_FIX, StageKind.COORDINATION})
SAME_IN_SUBSTANCE = {"fix": "close_coordination", "close_coordination": "fix"}
"""The answer of a department that handled a case alone, and with partners."""


class Step(NamedTuple):
    """A deed and what it was an answer to. ``since``: when its party could have acted; ``works``: in working time."""

    at: int
    order: Order
    party: str
    role: str
    stage: str
    process: str
    since: int
    works: bool
    ends: bool
    """Whether it ended the stage."""


@dataclass(slots=True)
class Told:
    """A past case under the rules it followed; ``unlike`` says where that is not what the ledger says."""

    trail: Trail
    steps: Sequence[Step]
    unlike: str = ""


@dataclass(slots=True)
class Replayed:
    """The same case under the draft. ``refused``: action and code of the refusal. ``parted``: the stage in which it
    waits for somebody who did nothing of the kind in the past; ``cut``: the moments (past, draft) until which both can
    be compared. ``shifted``: somebody acts at another moment than in the past."""

    trail: Trail
    shifted: bool = False
    refused: list[tuple[str, str]] = field(default_factory=list)
    parted: str = ""
    cut: tuple[int, int] | None = None


def tell(past: Past, old: Under, until: int) -> Told:
    """Lead a past case through its own rules, up to the moment ``until``."""
    trail = old.begin(past)
    told = Told(trail, steps := [])
    for at, order in past.deeds:
        if at > until:
            break
        trail.until(at)
        step = _step(trail, order, at)
        if step is None or (refusal := trail.act(order, at).refusal):
            told.unlike = told.unlike or f"{order.action}: {refusal if step else 'not open'}"
            continue
        steps.append(step._replace(ends=trail.life.situation.is_moving))
        trail.settle()
    trail.until(until)
    told.unlike = told.unlike or _difference(trail, past)
    return told


def _step(trail: Trail, order: Order, at: int) -> Step | None:
    found = None if trail.is_closed else trail.duty(order.assignment)
    if found is None:
        return None
    nth, duty = found
    here, party = trail.life.situation, trail.life.party(duty.party)
    works = trail.works(duty.id)
    return Step(at, order, party, duty.role, here.stage, here.process, trail.since(nth), works, ends=False)


def _difference(trail: Trail, past: Past) -> str:
    """What the ledger says of the case, where it is something else."""
    here = trail.life.situation
    if past.stage is None or (here.stage, here.result, trail.life.lead) == (past.stage, past.result, past.lead or ""):
        return ""
    return f"{past.stage}: {here.stage}" if here.stage != past.stage else "lead or result"


def replay(past: Past, told: Told, new: Under, until: int) -> Replayed:
    """Lead the same case through the draft, up to the moment ``until``."""
    one = _Replay(told, new.begin(past), until)
    for step in told.steps:
        if not one.follow(step):
            break
    one.trail.until(until)
    done = Replayed(one.trail, one.is_shifted, one.refused)
    if not one.trail.is_closed and one.has_parted():
        done.parted, done.cut = one.trail.life.situation.stage, one.last
    return done


class _Replay:
    """A case under the draft while the past is told to it."""

    def __init__(self, told: Told, trail: Trail, until: int) -> None:
        self.trail = trail
        self.refused: list[tuple[str, str]] = []
        opened = trail.life.opened_at
        self.last = (opened, opened)
        """Moments of the last step that fitted: in the past, and here."""
        self._told = told.trail
        self._until = until
        self._is_waited_for = False
        """A stage ended in the past, and here it did not."""
        self._is_left_behind = False
        """The citizen was asked in the past, and here not yet."""
        self._comes_later = False
        self.is_shifted = False

    def follow(self, step: Step) -> bool:
        """Let the step happen when its party gets to it; ``False`` when that has not come yet."""
        trail = self.trail
        at = self._when(step)
        if at is None and trail.waits_for_silence:
            trail.until(min(step.at + self.last[1] - self.last[0], self._until))
            at = self._when(step)
        if at is None:
            self._leave_out(step)
            return not trail.is_closed
        if at > self._until:
            self._comes_later = True
            return False
        trail.until(at)
        self.is_shifted |= at != step.at
        if (duty := self._duty(step)) is not None:
            self._do(step, duty, at)
        else:
            self._leave_out(step)
        return not trail.is_closed

    def has_parted(self) -> bool:
        """Whether the draft asks for something that the past does not tell."""
        if self._comes_later:
            return False
        return self.trail.last_stage != self._told.last_stage or (self._told.is_closed and self._is_waited_for)

    def _do(self, step: Step, duty: tuple[int, Duty], at: int) -> None:
        order = step.order._replace(action=self._action(step) or step.order.action, assignment=duty[1].id)
        if refusal := self.trail.act(order, at).refusal:
            self.refused.append((order.action, refusal))
            self._is_waited_for |= step.ends
            return
        self.trail.settle()
        self.last, self._is_waited_for, self._is_left_behind = (step.at, at), False, False

    def _leave_out(self, step: Step) -> None:
        self._is_waited_for |= step.ends
        self._is_left_behind |= step.ends and step.role == Role.CITIZEN

    def _when(self, step: Step) -> int | None:
        """The moment the party gets to it: as long after it could as in the past; ``None`` while it cannot."""
        found = self._duty(step)
        if found is None:
            return None
        since, trail = self.trail.since(found[0]), self.trail
        if since == step.since:
            return max(trail.now, step.at)
        if not step.works:
            return max(trail.now, since + step.at - step.since)
        hours, calendar = trail.under.learned.timing.hours, trail.under.book.calendar
        seconds = calendar.working_seconds(step.since // SECOND, step.at // SECOND)
        return max(trail.now, hours.add(since, Length(seconds / calendar.hours.workday, 0)))

    def _duty(self, step: Step) -> tuple[int, Duty] | None:
        """The open duty under which the same can be done: of the same department, else of the same role."""
        trail = self.trail
        if trail.is_closed or self._action(step) is None:
            return None
        mine = [(n, d) for n, d in enumerate(trail.life.situation.duties) if d.role == step.role]
        same = [one for one in mine if trail.life.party(one[1].party) == step.party]
        if same or step.role != Role.PARTNER:
            return next(iter(same or mine), None)
        known = {task.party for task in self._told.tasks if task.role == Role.PARTNER}
        return next((one for one in mine if trail.life.party(one[1].party) not in known), None)

    def _action(self, step: Step) -> str | None:
        """What the step is here; ``None`` where it cannot be done. Some things fit in every stage."""
        under, here, action = self.trail.under, self.trail.life.situation, step.order.action
        if under.is_always(here.process, step.role, action):
            return action
        offered = here.actions.get(step.role, ())
        names = (action, SAME_IN_SUBSTANCE.get(action))
        found = next((name for name in names if name in offered), None)
        return found if found and self._is_the_place(step) else None

    def _is_the_place(self, step: Step) -> bool:
        """The same stage; where the draft has none of that name, one of the same kind. Whether a department handles a
        case alone or with partners, it answers for it."""
        under, here = self.trail.under, self.trail.life.situation
        kinds = under.kind(here.process, here.stage), self._told.under.kind(step.process, step.stage)
        if here.stage == step.stage or (HANDLING.issuperset(kinds) and not self._is_left_behind):
            return True
        return kinds[0] == kinds[1] and not under.has_stage(here.process, step.stage)

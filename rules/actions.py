"""What each party may do now, with which fields, and why anything else is not possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rules import coordination, departmental_fix, explanation, feedback, first_contact, pause, review, speaking_up
from rules.case import Assignment, Case, Role, Signal
from rules.draft import Action, Draft
from rules.fields import Field
from rules.guards import guard
from rules.process import Process, StageKind
from rules.refusals import Refusal

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

BY_KIND: Mapping[StageKind, Mapping[str, Action]] = {
    kind: {action.name: action for action in (*module.ACTIONS, *pause.ACTIONS, *speaking_up.ACTIONS)}
    for kind, module in {
        StageKind.FIRST_CONTACT: first_contact,
        StageKind.DEPARTMENTAL_FIX: departmental_fix,
        StageKind.COORDINATION: coordination,
        StageKind.EXPLANATION: explanation,
        StageKind.REVIEW: review,
        StageKind.FEEDBACK: feedback,
    }.items()
}
"""Stage kind -> action name -> action."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An action a party has in this stage; ``refusal`` says why it is not possible now, else it is ``None``."""

    action: str
    fields: tuple[Field, ...]
    refusal: Refusal | None


def offers(rulebook: Rulebook, case: Case, assignment: Assignment, now: datetime) -> list[Offer]:
    """Everything ``assignment`` offers in the present stage, in the order of the process file."""
    return [_offer(rulebook, case, assignment, name, now) for name in action_names(rulebook, case, assignment)]


def action_names(rulebook: Rulebook, case: Case, assignment: Assignment) -> list[str]:
    """Names of the actions the process gives this party in the present stage."""
    process = rulebook.process(case.process)
    always = process.always.get(Role(assignment.role), ())
    return list(dict.fromkeys([*_of_stage(process, case, assignment), *always]))


def find(rulebook: Rulebook, case: Case, name: str) -> Action | None:
    process = rulebook.process(case.process)
    stage = process.stages.get(case.stage)
    return BY_KIND[stage.kind if stage else StageKind.FIRST_CONTACT].get(name)


def allow(draft: Draft, assignment: Assignment, name: str) -> Action:
    """The action, when it is possible now. Raises :class:`Refusal` with the reason when it is not."""
    case = draft.case
    if case.is_closed:
        raise Refusal("case_closed")
    if not assignment.is_open:
        raise Refusal("assignment_ended")
    names = action_names(draft.rulebook, case, assignment)
    action = find(draft.rulebook, case, name)
    if action is None:
        raise Refusal("unknown_action", action=name, possible=", ".join(names))
    if name not in names:
        raise Refusal("case_moving" if case.is_moving else "not_your_action")
    guard(draft, name)
    action.guard(draft)
    return action


def _of_stage(process: Process, case: Case, assignment: Assignment) -> Iterable[str]:
    stage = process.stages.get(case.stage)
    return stage.actions.get(Role(assignment.role), ()) if stage and not case.is_moving else ()


def _offer(rulebook: Rulebook, case: Case, assignment: Assignment, name: str, now: datetime) -> Offer:
    draft = Draft(rulebook, case, Signal(name, actor=assignment.party, assignment=assignment.id), now)
    try:
        action = allow(draft, assignment, name)
    except Refusal as refusal:
        known = find(rulebook, case, name)
        return Offer(name, tuple(known.fields) if known else (), refusal)
    return Offer(name, tuple(action.fields), None)

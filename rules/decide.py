"""The heart: what a signal means for a case. The same function runs live, in simulation and in backtest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rules import coordination, departmental_fix, escalation, explanation, feedback, first_contact, pause, review
from rules.actions import allow
from rules.case import CITIZEN, Case, Complaint, Entry, Role, Signal
from rules.draft import Draft
from rules.fields import clean
from rules.process import Stage, StageKind
from rules.refusals import Refusal

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

PROCEED = "proceed"
TICK = "tick"

_ENTER: Mapping[StageKind, Callable[[Draft, Stage, Complaint], None]] = {
    StageKind.FIRST_CONTACT: first_contact.enter,
    StageKind.DEPARTMENTAL_FIX: departmental_fix.enter,
    StageKind.COORDINATION: coordination.enter,
    StageKind.EXPLANATION: explanation.enter,
    StageKind.REVIEW: review.enter,
    StageKind.FEEDBACK: feedback.enter,
}


def submit(rulebook: Rulebook, number: str, complaint: Complaint, now: datetime) -> list[Entry]:
    """The first entry of a new case. The text stays outside the chain, so that it can be erased; its digest is in."""
    process = rulebook.process_for(complaint, now)
    data: dict[str, Any] = {
        "rulebook": rulebook.version,
        "process": process.value,
        "channel": complaint.channel,
        "type": complaint.type,
        "category": complaint.category,
        "district": complaint.district,
        "anonymous": complaint.anonymous,
        "confidential": complaint.confidential,
        "digest": hashlib.sha256(f"{complaint.subject}\n{complaint.description}".encode()).hexdigest(),
        "rows": {"processes": process.row} if process.row else None,
        "open": [{"id": "citizen-1", "party": CITIZEN, "role": str(Role.CITIZEN)}],
    }
    return [Entry("complaint_received", now, CITIZEN, {k: v for k, v in data.items() if v not in (None, False)})]


def decide(rulebook: Rulebook, case: Case, signal: Signal, now: datetime) -> list[Entry]:
    """The entries that ``signal`` adds to ``case`` at ``now`` (aware, UTC).

    ``proceed`` carries a moving case into its next stage and ``tick`` climbs the ladder; with nothing to do both
    decide nothing, so they can be repeated. Everything else is an action of a party.
    Raises :class:`Refusal` for what the process does not allow; then nothing happened.
    """
    draft = Draft(rulebook, case, signal, now)
    if signal.action == PROCEED:
        _proceed(draft)
    elif signal.action == TICK:
        _tick(draft)
    else:
        _act(draft)
    return draft.entries


def _proceed(draft: Draft) -> None:
    case = draft.case
    if not case.is_moving:
        return
    stage = draft.process.next_stage(case)
    if stage is None:
        feedback.close(draft)
    else:
        _ENTER[stage.kind](draft, stage, draft.signal.complaint or _nothing_known(case))


def _tick(draft: Draft) -> None:
    if not draft.case.is_closed:
        escalation.climb(draft)


def _act(draft: Draft) -> None:
    signal, case = draft.signal, draft.case
    assignment = case.assignment(signal.assignment or "")
    if assignment is None:
        raise Refusal("not_your_action")
    action = allow(draft, assignment, signal.action)
    data = clean(action.fields, signal.data, rulebook=draft.rulebook, case=case, now=draft.now)
    action.apply(draft, data)
    pause.after(draft, signal.action)


def _nothing_known(case: Case) -> Complaint:
    """What is left of a complaint whose text was erased."""
    return Complaint(channel=case.channel, subject="", description="", category=case.category, district=case.district)

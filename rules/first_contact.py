"""首接首办、全面梳理、主动认领、建立台账: the first receiver stays responsible until somebody has claimed the case.

谁主管、谁负责;属地管理: routed by duty first, then by place; whoever nobody fits is owned by the backstop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rules.case import Answer, Case, Complaint, Data, Role
from rules.draft import WHOLE_CASE, Action, Draft
from rules.fields import Field
from rules.parties import party_of
from rules.process import PERSON, Stage
from rules.refusals import Refusal

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

DISPUTED = "disputed"
RULING = "ruling"
"""The clock of a binding ruling; it runs instead of the stage's other clocks."""


def enter(draft: Draft, stage: Stage, complaint: Complaint) -> None:
    """A new complaint is classified and routed; one that comes back, and whatever the process wants a person to look
    at, is decided at the desk."""
    if draft.case.visits:
        _hand_to_desk(draft, stage)
        return
    known = _sort_out(draft, complaint)
    first = _first_consequences(draft, stage, known)
    if known["category"] is None or stage.routed_by == PERSON:
        _hand_to_desk(draft, stage, known=known, **first)
    else:
        draft.add("stage_entered", stage=stage.name, **known, **first)
        _route(draft)


def _sort_out(draft: Draft, complaint: Complaint) -> dict[str, Any]:
    """全面梳理: class, place and urgency, each with the table row that decided."""
    book = draft.rulebook
    category = book.classify(complaint, draft.now)
    urgency = book.urgency(complaint, category.value, draft.now)
    rows = {"keywords": category.row, "urgency": urgency.row}
    return {
        "category": category.value,
        "district": book.locate(complaint),
        "urgency": urgency.value,
        "rows": {table: row for table, row in rows.items() if row},
    }


def _first_consequences(draft: Draft, stage: Stage, known: dict[str, Any]) -> dict[str, Any]:
    """The receipt, and the clock of the whole case, which runs from the moment the complaint was received."""
    urgency, since = known["urgency"], draft.case.opened_at
    desk = party_of(draft.rulebook, draft.case, stage, draft.now)
    clock = draft.clock(WHOLE_CASE, desk, urgency=urgency, since=since)
    return {"start": clock, "letters": [draft.to_citizen(stage.letters["received"])]}


def _hand_to_desk(draft: Draft, stage: Stage, *, known: dict[str, Any] | None = None, **first: Any) -> None:
    """The desk decides: an unclear complaint, a return, a dispute, or an explanation that was contested."""
    desk = party_of(draft.rulebook, draft.case, stage, draft.now)
    opened = draft.open(Role.DESK, desk)
    urgency = (known or {}).get("urgency") or draft.case.urgency
    rest = stage.clocks.keys() - {RULING} if _is_disputed(draft.case) else {RULING}
    clocks = draft.clocks_for(stage, Role.DESK, desk, urgency=urgency, assignment=opened["id"], without=rest)
    draft.add(
        "stage_entered",
        stage=stage.name,
        **(known or {}),
        open=[opened],
        start=[*first.get("start", []), *clocks],
        letters=[*first.get("letters", []), draft.letter(stage.letters["desk"], desk, assignment=opened["id"])],
    )


def _route(draft: Draft) -> None:
    """一家牵头: exactly one lead, and the partners that the catalogue names."""
    case = draft.case
    route = draft.rulebook.route(case.category, case.district, at=draft.now)
    draft.finish(
        "complaint_dispatched",
        "joint" if route.partners else "dispatched",
        lead=route.lead,
        partners=list(route.partners),
        rows={"catalogue": route.row},
    )


def _is_disputed(case: Case) -> bool:
    return case.dispute is not None and case.dispute["why"] == DISPUTED


def _plain_dispatch_is_enough(draft: Draft) -> None:
    if _is_disputed(draft.case):
        raise Refusal("ruling_needed")


def _a_dispute_is_open(draft: Draft) -> None:
    if not _is_disputed(draft.case):
        raise Refusal("no_dispute")


def _may_answer_again(draft: Draft) -> None:
    """What the desk's own answers did not solve in so many rounds is a department's task."""
    rounds = draft.process.caps.redos
    if draft.case.answer == Answer.ANSWERED and draft.case.visits[draft.stage.name] > rounds + 1:
        raise Refusal("answers_used", count=rounds + 1)


def answer(draft: Draft, data: Data) -> None:
    draft.finish("complaint_answered", "answered", answer=str(Answer.ANSWERED), reply=data["reply"])


def dispatch(draft: Draft, data: Data) -> None:
    lead = data["department"]
    partners = [p for p in data.get("partners", ()) if p != lead]
    changed = {k: data[k] for k in ("category", "urgency") if k in data}
    told = draft.stage.letters.get("dispatched")
    draft.finish(
        "complaint_dispatched",
        "joint" if partners else "dispatched",
        lead=lead,
        partners=partners,
        letters=[draft.to_citizen(told)] if told else None,
        **changed,
    )


def rule(draft: Draft, data: Data) -> None:
    """会商裁定: the ruled owner cannot return the case."""
    draft.finish("owner_ruled", "dispatched", lead=data["department"], partners=[], reason=data["reason"], ruled=True)


def departments(rulebook: Rulebook, case: Case) -> Iterable[str]:
    """Those that are there; the case was looked at last when the choice was offered."""
    return rulebook.departments_there(case.updated_at)


def _categories(rulebook: Rulebook, case: Case) -> Iterable[str]:
    return rulebook.open_categories(at=case.updated_at)


def _urgencies(_rulebook: Rulebook, _case: Case) -> Iterable[str]:
    return ("urgent", "normal", "complex")


def _proposed(rulebook: Rulebook, case: Case) -> str:
    """The owner a returning department named, else the catalogue's."""
    if case.dispute and case.dispute.get("department"):
        return str(case.dispute["department"])
    return rulebook.route(case.category, case.district, at=case.updated_at).lead


_OWNER = Field("department", "choice", choices=departments, default=_proposed)

ACTIONS = (
    Action("answer", _may_answer_again, answer, [Field("reply")], outcomes=["answered"]),
    Action(
        "dispatch",
        _plain_dispatch_is_enough,
        dispatch,
        [
            _OWNER,
            Field("category", "choice", required=False, choices=_categories, default=lambda _, case: case.category),
            Field("urgency", "choice", required=False, choices=_urgencies, default=lambda _, case: case.urgency),
            Field("partners", "choices", required=False, choices=departments),
        ],
        outcomes=["dispatched", "joint"],
    ),
    Action("rule", _a_dispute_is_open, rule, [_OWNER, Field("reason")], outcomes=["dispatched"]),
)

"""立查立纠、立行立改: what one department can solve, it solves at once.

A department may claim, answer, return with a reason, ask for hands or time, or say openly what cannot be done now.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rules.case import Answer, Case, Clock, Complaint, Data, Role
from rules.clocks import next_rung
from rules.draft import Action, Draft, anyone
from rules.fields import Field
from rules.process import Stage, StageKind
from rules.refusals import Refusal

if TYPE_CHECKING:
    from rules.rulebook import Rulebook


def enter(draft: Draft, stage: Stage, _complaint: Complaint) -> None:
    """The lead gets its task; the clocks run from this dispatch, not from the signature."""
    opened = open_lead(draft)
    lead = opened["party"]
    draft.add(
        "stage_entered",
        stage=stage.name,
        lead=None if draft.case.lead else lead,
        open=[opened],
        start=lead_clocks(draft, stage, opened["id"], lead, claimed="claimed" in opened),
        letters=[draft.letter(stage.letters["lead"], lead, assignment=opened["id"])],
    )


def open_lead(draft: Draft) -> dict[str, Any]:
    """The lead's assignment; a lead that claimed before in this round need not claim again. A case that nobody leads
    yet (the desk answered it, and a review overturned that) goes where the catalogue says."""
    case = draft.case
    lead = case.lead or _by_catalogue(draft)
    before = next((a for a in reversed(case.assignments) if a.role == Role.LEAD), None)
    claimed = draft.stage.kind not in _NEW_ROUND and before and before.party == lead and before.claimed_at
    return draft.open(Role.LEAD, lead, ruled=case.ruled, claimed=bool(claimed))


_NEW_ROUND = (StageKind.FIRST_CONTACT, StageKind.REVIEW, StageKind.FEEDBACK)


def _by_catalogue(draft: Draft) -> str:
    route = draft.rulebook.route(draft.case.category, draft.case.district, at=draft.now)
    draft.rows["catalogue"] = route.row
    return route.lead


def lead_clocks(draft: Draft, stage: Stage, assignment: str, lead: str, *, claimed: bool) -> list[dict[str, Any]]:
    """The stage's clocks that the lead holds; nobody is timed for a claim that was made."""
    done = [name for name, spec in stage.clocks.items() if claimed and spec.stopped_by in _ONCE]
    return draft.clocks_for(stage, Role.LEAD, lead, assignment=assignment, without=done)


_ONCE = ("claim", "contact")
"""Actions that whoever did them once need not do again."""


def _unclaimed(draft: Draft) -> None:
    if draft.own.claimed_at:
        raise Refusal("already_claimed")


def _not_contacted(draft: Draft) -> None:
    if draft.own.contacted_at:
        raise Refusal("already_contacted")


def claim(draft: Draft, _data: Data) -> None:
    own = draft.own
    draft.add("department_claimed", assignment=own.id, stop=draft.clocks_of("claim", own))


def contact(draft: Draft, data: Data) -> None:
    own = draft.own
    draft.add("citizen_contacted", assignment=own.id, note=data.get("note", ""), stop=draft.clocks_of("contact", own))


def fix(draft: Draft, data: Data) -> None:
    draft.finish("department_fixed", "fixed", answer=str(Answer.FIXED), reply=data["reply"])


def may_return(draft: Draft) -> None:
    """A ruled owner and one who waited too long keep the case (Lüliang 2024: object in time, or you own it)."""
    own, case = draft.own, draft.case
    if own.ruled:
        raise Refusal("return_after_ruling")
    span = draft.rulebook.deadline(case.process, "return", case.urgency, at=own.opened_at).value
    if span is not None and draft.now > (until := draft.rulebook.calendar.add(own.opened_at, span)):
        raise Refusal("return_too_late", until=until.isoformat())


def give_back(draft: Draft, data: Data) -> None:
    """退单: within the cap the desk dispatches again; one more, and it has to rule."""
    outcome = "returned" if draft.case.returns < draft.process.caps.returns else "disputed"
    draft.finish("department_returned", outcome, reason=data["reason"], department=data.get("department"))


def has_new_partners(draft: Draft, chosen: Iterable[str]) -> None:
    chosen = list(chosen)
    if draft.case.lead in chosen:
        raise Refusal("own_partner")
    if known := sorted(set(chosen) & set(draft.case.partners)):
        raise Refusal("partners_known", partners=", ".join(known))


def request_partners(draft: Draft, data: Data) -> None:
    has_new_partners(draft, data["partners"])
    draft.finish("partners_requested", "joint", partners=data["partners"], reason=data["reason"])


def cannot_fix_now(draft: Draft, data: Data) -> None:
    """列入工作规划: a plan item with its owner and a promised date; the citizen is told in the next stage."""
    plan = {"what": data["plan"], "owner": draft.case.lead, "promised_on": data["promised_on"]}
    draft.finish("fix_postponed", "cannot_fix_now", answer=str(Answer.PLANNED), reply=data["reason"], plan=plan)


def refuse(draft: Draft, data: Data) -> None:
    draft.finish("demand_refused", "unreasonable", answer=str(Answer.REFUSED), reply=data["reason"])


def may_extend(draft: Draft) -> None:
    case, book = draft.case, draft.rulebook
    if book.deadline(case.process, "extension", case.urgency, at=draft.now).value is None:
        raise Refusal("no_extension")
    most, cap = book.extensions(case.process, case.urgency, at=draft.now), draft.process.caps.extensions
    if case.extensions >= (most if cap is None else min(most, cap)):
        raise Refusal("extensions_used", count=case.extensions)
    if not _extendable(draft):
        raise Refusal("nothing_to_extend")


def extend(draft: Draft, data: Data) -> None:
    """More time, with a reason, told to the citizen; the clock of the whole case goes on unchanged."""
    case, book = draft.case, draft.rulebook
    decided = book.deadline(case.process, "extension", case.urgency, at=draft.now)
    longest = decided.value
    if longest is None or data["days"] > longest.amount:
        code = "extension_too_long" if longest is None or longest.unit == "wd" else "extension_too_many_days"
        raise Refusal(code, days=int(longest.amount) if longest else 0)
    clock = _extendable(draft)[0]
    due = book.calendar.add(clock.due_at, longest.of(data["days"]))
    rung = next_rung(book, clock.name, case.urgency, since=draft.now, due=due, process=case.process)
    draft.add(
        "extension_granted",
        clock=clock.id,
        due=due.isoformat(),
        next=rung.at.isoformat() if rung else None,
        days=data["days"],
        reason=data["reason"],
        letters=[draft.to_citizen("extension_notice", due=due.isoformat(), reason=data["reason"])],
        rows={"deadlines": decided.row},
    )


def _extendable(draft: Draft) -> list[Clock]:
    names = {name for name, spec in draft.stage.clocks.items() if spec.extendable}
    return [c for c in draft.case.clocks if c.runs and c.name in names]


def others(rulebook: Rulebook, case: Case) -> Iterable[str]:
    return (code for code in rulebook.departments_there(case.updated_at) if code != case.lead)


CLAIM = Action("claim", _unclaimed, claim)
CONTACT = Action("contact", _not_contacted, contact, [Field("note", required=False)])
CANNOT_FIX_NOW = Action(
    "cannot_fix_now",
    anyone,
    cannot_fix_now,
    [Field("reason"), Field("plan"), Field("promised_on", "date")],
    outcomes=["cannot_fix_now"],
)
REFUSE = Action("refuse", anyone, refuse, [Field("reason")], outcomes=["unreasonable"])
EXTEND = Action("extend", may_extend, extend, [Field("days", "integer", minimum=1, maximum=30), Field("reason")])
PARTNERS = [Field("partners", "choices", choices=others), Field("reason")]

ACTIONS = (
    CLAIM,
    CONTACT,
    Action("fix", anyone, fix, [Field("reply")], outcomes=["fixed"]),
    Action(
        "return",
        may_return,
        give_back,
        [Field("reason"), Field("department", "choice", required=False, choices=others)],
        outcomes=["returned", "disputed"],
    ),
    Action("request_partners", anyone, request_partners, PARTNERS, outcomes=["joint"]),
    CANNOT_FIX_NOW,
    REFUSE,
    EXTEND,
)

"""列入工作规划并开诚布公地向群众解释; 对不合理的诉求,耐心细致做好解释.

What cannot be solved now enters a work plan and the citizen is told openly why and when; what cannot be met at all
is explained patiently. Nothing is just dropped.
"""

from __future__ import annotations

from rules.case import Case, Complaint, Data, Role
from rules.draft import Action, Draft, anyone
from rules.fields import Field
from rules.process import Stage
from rules.rulebook import Rulebook

EXHAUSTED = "exhausted"


def enter(draft: Draft, stage: Stage, _complaint: Complaint) -> None:
    """The lead owes the citizen a letter; after the last redo it is the final answer, signed by the head."""
    lead = draft.case.lead or draft.rulebook.office("desk").code
    final = draft.case.outcome == EXHAUSTED
    opened = draft.open(Role.LEAD, lead, claimed=True)
    letters = [draft.letter(stage.letters["lead"], lead, assignment=opened["id"])]
    if final:
        letters.append(draft.letter(stage.letters["lead"], f"{lead}:head", assignment=opened["id"]))
    clocks = draft.clocks_for(stage, Role.LEAD, lead, assignment=opened["id"])
    draft.add("stage_entered", stage=stage.name, final=final, open=[opened], start=clocks, letters=letters)


def explain(draft: Draft, data: Data) -> None:
    final = draft.case.redos >= draft.process.caps.redos and draft.case.rating is not None
    draft.finish("explanation_given", "explained", text=data["text"], contact=data["contact"], final=final)


def _contact(rulebook: Rulebook, case: Case) -> str:
    """Whom the citizen may ask: the lead's telephone, unless the author names somebody."""
    return rulebook.department(case.lead or rulebook.office("desk").code).phone


ACTIONS = (
    Action("explain", anyone, explain, [Field("text"), Field("contact", default=_contact)], outcomes=["explained"]),
)

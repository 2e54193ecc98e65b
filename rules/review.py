"""复查、复核: somebody who did not decide looks at it, and says with a reason whether it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rules.case import Case, Complaint, Data, Role
from rules.departmental_fix import CLAIM, EXTEND
from rules.draft import Action, Draft, anyone
from rules.fields import Field
from rules.parties import party_of
from rules.process import Stage
from rules.refusals import Refusal

if TYPE_CHECKING:
    from rules.rulebook import Rulebook


def enter(draft: Draft, stage: Stage, _complaint: Complaint) -> None:
    """The reviewer gets the file and a clock; the citizen hears who looks again, where the process says so."""
    reviewer = party_of(draft.rulebook, draft.case, stage, draft.now)
    opened = draft.open(Role.REVIEWER, reviewer)
    clocks = draft.clocks_for(stage, Role.REVIEWER, reviewer, assignment=opened["id"])
    letters = [draft.letter(stage.letters["reviewer"], reviewer, assignment=opened["id"])]
    if "citizen" in stage.letters:
        letters.append(draft.to_citizen(stage.letters["citizen"], holder=reviewer))
    draft.add("stage_entered", stage=stage.name, reviewer=reviewer, open=[opened], start=clocks, letters=letters)


def uphold(draft: Draft, data: Data) -> None:
    draft.finish("decision_upheld", "upheld", verdict="upheld", reason=data["reason"])


def overturn(draft: Draft, data: Data) -> None:
    draft.finish("decision_overturned", "overturned", verdict="overturned", reason=data["reason"])


def _has_verdicts(draft: Draft) -> None:
    if not draft.stage.verdicts:
        raise Refusal("no_verdicts")


def conclude(draft: Draft, data: Data) -> None:
    """A verdict that only this process knows; it is the outcome."""
    draft.finish("review_concluded", data["verdict"], verdict=data["verdict"], reason=data["reason"])


def _verdicts(rulebook: Rulebook, case: Case) -> Iterable[str]:
    stage = rulebook.process(case.process).stages.get(case.stage)
    return stage.verdicts if stage else ()


ACTIONS = (
    CLAIM,
    EXTEND,
    Action("uphold", anyone, uphold, [Field("reason")], outcomes=["upheld"]),
    Action("overturn", anyone, overturn, [Field("reason")], outcomes=["overturned"]),
    Action("conclude", _has_verdicts, conclude, [Field("verdict", "choice", choices=_verdicts), Field("reason")]),
)

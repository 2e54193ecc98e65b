"""及时采纳、认真解决、限时反馈: the reply reaches the citizen in time, who is asked two things: solved? satisfied?

Silence is recorded as silence, never as satisfaction; and it is nobody's delay: while the citizen has the word, the
clock of the whole case stands still.
"""

from __future__ import annotations

from typing import Any

from rules.case import CITIZEN, Answer, Complaint, Data, Role
from rules.draft import WHOLE_CASE, Action, Draft, anyone
from rules.fields import Field
from rules.process import Stage
from rules.refusals import Refusal

SOLVED = ("yes", "partly", "no")
CONTESTABLE = (Answer.PLANNED, Answer.REFUSED)


def enter(draft: Draft, stage: Stage, _complaint: Complaint) -> None:
    """The final reply and the callback are one letter, so that nobody is asked before they were answered."""
    letter = stage.letters["explained" if draft.case.explanation else "citizen"]
    clocks = draft.clocks_for(stage, Role.CITIZEN, CITIZEN, assignment="citizen-1")
    whole = [c.id for c in draft.case.clocks if c.runs and c.name == WHOLE_CASE]
    draft.add("stage_entered", stage=stage.name, start=clocks, pause=whole, letters=[draft.to_citizen(letter)])


def rate(draft: Draft, data: Data) -> None:
    """A bad answer opens a new round while rounds are left; after the last one comes a final answer, once."""
    case, solved, satisfied = draft.case, data["solved"], data["satisfied"]
    verdict = draft.rulebook.verdict(case.answer, solved, satisfied, at=draft.now)
    draft.finish(
        "citizen_rated",
        _outcome(draft, verdict.value),
        solved=solved,
        satisfied=satisfied,
        comment=data.get("comment"),
        rows={"callback": verdict.row},
    )


def _outcome(draft: Draft, verdict: str) -> str:
    if verdict != "redo" or draft.case.final:
        return "accepted"
    if draft.case.lead is None:
        return "contested"
    return "redo" if draft.case.redos < draft.process.caps.redos else "exhausted"


def may_contest(draft: Draft) -> None:
    if draft.case.contests >= draft.process.caps.contests:
        raise Refusal("contest_used")
    if not (draft.case.explanation and draft.case.answer in CONTESTABLE):
        raise Refusal("nothing_to_contest")


def contest(draft: Draft, data: Data) -> None:
    """争取理解: somebody who did not write the explanation looks again."""
    draft.finish("citizen_contested", "contested", reason=data["reason"])


def may_appeal(draft: Draft) -> None:
    if draft.case.appeals >= draft.process.caps.appeals:
        raise Refusal("appeals_used")


def appeal(draft: Draft, data: Data) -> None:
    """申请复查、复核: a right, whatever the answer was; somebody who did not decide looks at it."""
    draft.finish("citizen_appealed", "appealed", reason=data["reason"])


def stay_silent(draft: Draft, outcome: str) -> None:
    """The citizen's time is over; that is all we know."""
    draft.finish("citizen_silent", outcome)


def close(draft: Draft) -> None:
    """The case ends in one of the honest results, and the citizen is told that it has ended."""
    case = draft.case
    result = "withdrawn" if case.outcome == "withdrawn" else case.answer
    running = [c.id for c in case.clocks if c.is_open]
    ends: dict[str, Any] = {a.id: "case_closed" for a in case.open_assignments()}
    letter = "withdrawn" if result == "withdrawn" else "closed"
    draft.add("case_closed", result=result, end=ends, stop=running, letters=[draft.to_citizen(letter)])


ACTIONS = (
    Action(
        "rate",
        anyone,
        rate,
        [
            Field("solved", "choice", choices=lambda _book, _case: SOLVED),
            Field("satisfied", "integer", minimum=1, maximum=5),
            Field("comment", required=False),
        ],
        outcomes=["accepted", "redo", "exhausted", "contested"],
    ),
    Action("contest", may_contest, contest, [Field("reason")], outcomes=["contested"]),
    Action("appeal", may_appeal, appeal, [Field("reason")], outcomes=["appealed"]),
)

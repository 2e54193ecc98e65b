"""有意见随时提、有想法尽管讲、有不满大胆说: a citizen may add to a complaint, or take it back, at any time."""

from __future__ import annotations

from rules.case import Data, Role
from rules.draft import Action, Draft, anyone
from rules.fields import Field
from rules.refusals import Refusal


def add_information(draft: Draft, data: Data) -> None:
    """Whoever has the case in hand is told."""
    holders = [a for a in draft.case.open_assignments() if a.role != Role.CITIZEN]
    letters = [draft.letter("information_added", a.party, assignment=a.id, text=data["text"]) for a in holders]
    draft.add("information_added", text=data["text"], letters=letters)


def may_withdraw(draft: Draft) -> None:
    if draft.case.outcome == "withdrawn":
        raise Refusal("case_moving")


def withdraw(draft: Draft, data: Data) -> None:
    draft.finish("citizen_withdrew", "withdrawn", reason=data.get("reason"), letters=draft.to_ended("withdrawn"))


ACTIONS = (
    Action("add_information", anyone, add_information, [Field("text")]),
    Action("withdraw", may_withdraw, withdraw, [Field("reason", required=False)], outcomes=["withdrawn"]),
)

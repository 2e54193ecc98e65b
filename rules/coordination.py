"""一家牵头、多方联治: what crosses departments gets exactly one lead and several partners, each with its own clock."""

from __future__ import annotations

from typing import Any

from rules.case import Answer, Assignment, Complaint, Data, Role
from rules.departmental_fix import (
    CANNOT_FIX_NOW,
    CLAIM,
    CONTACT,
    EXTEND,
    PARTNERS,
    REFUSE,
    has_new_partners,
    lead_clocks,
    open_lead,
)
from rules.draft import Action, Draft, anyone
from rules.fields import Field
from rules.process import Stage
from rules.refusals import Refusal


def enter(draft: Draft, stage: Stage, _complaint: Complaint) -> None:
    """The lead and every partner get a task of their own."""
    lead = open_lead(draft)
    clocks = lead_clocks(draft, stage, lead["id"], lead["party"], claimed="claimed" in lead)
    joined = _join(draft, stage, draft.case.partners)
    draft.add(
        "stage_entered",
        stage=stage.name,
        lead=None if draft.case.lead else lead["party"],
        open=[lead, *joined["open"]],
        start=[*clocks, *joined["start"]],
        letters=[draft.letter(stage.letters["lead"], lead["party"], assignment=lead["id"]), *joined["letters"]],
    )


def _join(draft: Draft, stage: Stage, partners: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    """Assignments, clocks and letters for ``partners``."""
    opened = [draft.open(Role.PARTNER, code, nth=n) for n, code in enumerate(partners, 1)]
    clocks = [
        clock
        for nth, o in enumerate(opened, 1)
        for clock in draft.clocks_for(stage, Role.PARTNER, o["party"], nth=nth, assignment=o["id"])
    ]
    letters = [draft.letter(stage.letters["partner"], o["party"], assignment=o["id"]) for o in opened]
    return {"open": opened, "start": clocks, "letters": letters}


def _unfinished(draft: Draft) -> list[Assignment]:
    """Partners that have not contributed and still have time."""
    on_time = {c.assignment for c in draft.case.clocks if c.is_open and (c.paused_at or c.due_at > draft.now)}
    return [a for a in draft.case.open_assignments(Role.PARTNER) if a.id in on_time]


def _partners_are_done(draft: Draft) -> None:
    if waiting := _unfinished(draft):
        raise Refusal("partners_outstanding", partners=", ".join(a.party for a in waiting))


def contribute(draft: Draft, data: Data) -> None:
    own = draft.own
    draft.add(
        "partner_contributed",
        assignment=own.id,
        contribution=data["contribution"],
        stop=draft.clocks_of("contribute", own),
        letters=_tell_lead_when_last(draft),
    )


def give_back(draft: Draft, data: Data) -> None:
    """A partner that has no part in the matter says so; the lead goes on without it."""
    own = draft.own
    clocks = [c.id for c in draft.case.clocks if c.is_open and c.assignment == own.id]
    told = _tell_lead_when_last(draft)
    draft.add(
        "department_returned", role=own.role, reason=data["reason"], end={own.id: "return"}, stop=clocks, letters=told
    )


def _tell_lead_when_last(draft: Draft) -> list[dict[str, Any]]:
    """When nobody else is waited for, the lead hears that the joint reply is its turn."""
    others = [a for a in draft.case.open_assignments(Role.PARTNER) if a.id != draft.own.id]
    leads = draft.case.open_assignments(Role.LEAD)
    return [] if others else [draft.letter("partners_ready", a.party, assignment=a.id) for a in leads]


def close_coordination(draft: Draft, data: Data) -> None:
    draft.finish("coordination_closed", "fixed", answer=str(Answer.FIXED), reply=data["reply"])


def request_partners(draft: Draft, data: Data) -> None:
    """More hands while the coordination goes on."""
    has_new_partners(draft, data["partners"])
    joined = _join(draft, draft.stage, tuple(data["partners"]))
    draft.add("partners_requested", partners=data["partners"], reason=data["reason"], **joined)


ACTIONS = (
    CLAIM,
    CONTACT,
    Action("close_coordination", _partners_are_done, close_coordination, [Field("reply")], outcomes=["fixed"]),
    Action("contribute", anyone, contribute, [Field("contribution")]),
    Action("return", anyone, give_back, [Field("reason")]),
    Action("request_partners", anyone, request_partners, PARTNERS),
    CANNOT_FIX_NOW,
    REFUSE,
    EXTEND,
)

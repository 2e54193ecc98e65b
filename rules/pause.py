"""限时反馈: a clock stands still only for a reason from the process's list, so often and so long as it says.

A pause ends by itself at its cap, through a clock of its own. Nobody stops another's clock, and while a department
waits the clock of the whole case goes on. That one stands still only while the citizen has the word (see feedback).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rules.case import Case, Clock, Data
from rules.draft import Action, Draft
from rules.fields import Field
from rules.process import PauseReason
from rules.refusals import Refusal

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

PAUSE = "pause"
"""The clock that ends a pause at its cap."""
RAN_OUT, WORK_DONE = "ran_out", "work_done"


def may_pause(draft: Draft) -> None:
    case, most = draft.case, draft.process.caps.pauses
    if case.pause:
        raise Refusal("already_paused")
    if sum(case.pauses.values()) >= most:
        raise Refusal("pauses_used", count=most)
    if not any(_may(draft, spec) for spec in draft.process.pauses.values()):
        raise Refusal("nothing_to_pause")


def _may(draft: Draft, spec: PauseReason) -> bool:
    return draft.own.role in spec.by and bool(_own_clocks(draft, spec))


def _own_clocks(draft: Draft, spec: PauseReason) -> list[Clock]:
    """Running clocks of whoever pauses that may stand still; one that has run out stays late."""
    mine = [c for c in draft.case.clocks if c.runs and c.assignment == draft.own.id and c.due_at > draft.now]
    return [c for c in mine if c.name in spec.clocks]


def pause(draft: Draft, data: Data) -> None:
    """The reason is told to the citizen, with the moment at which the clocks run again at the latest."""
    name, own = data["cause"], draft.own
    spec = draft.process.pauses[name]
    if not _may(draft, spec):
        raise Refusal("nothing_to_pause")
    if draft.case.pauses.get(name, 0) >= spec.times:
        raise Refusal("pause_used", count=spec.times)
    until = draft.rulebook.calendar.add(draft.now, spec.longest_span).isoformat()
    told = {"holder": own.party, "cause": name, "reason": data["reason"], "until": until}
    letter = spec.letters.get("started")
    draft.add(
        "clocks_paused",
        cause=name,
        reason=data["reason"],
        assignment=own.id,
        until=until,
        pause=[clock.id for clock in _own_clocks(draft, spec)],
        start=[_end_of_pause(draft, until)],
        letters=[draft.to_citizen(letter, **told)] if letter else None,
    )


def _end_of_pause(draft: Draft, until: str) -> dict[str, Any]:
    own, count = draft.own, sum(c.name == PAUSE for c in draft.case.clocks) + 1
    timed = {"due": until, "next": until, "assignment": own.id, "stage": draft.case.stage}
    return {"id": f"{PAUSE}-{count}", "name": PAUSE, "holder": own.party, **timed}


def may_resume(draft: Draft) -> None:
    if not draft.case.pause or draft.case.pause["assignment"] != draft.own.id:
        raise Refusal("not_paused")


def resume(draft: Draft, _data: Data) -> None:
    end(draft, "resume")


def end(draft: Draft, how: str) -> None:
    """The clocks run again, each with the time it had left; whoever paused is told when it was not their doing."""
    case = draft.case
    if case.pause is None:
        return
    draft.add(
        "clocks_resumed",
        cause=case.pause["cause"],
        how=how,
        resume=[draft.going_on(c) for c in case.clocks if c.is_open and c.paused_at],
        stop=[c.id for c in case.clocks if c.is_open and c.name == PAUSE],
        letters=_words_to_who_paused(draft, case.pause, how),
    )


def _words_to_who_paused(draft: Draft, paused: Data, how: str) -> list[dict[str, Any]]:
    spec, holder = draft.process.pauses.get(paused["cause"]), draft.case.assignment(paused["assignment"])
    letter = spec.letters.get("ended") if spec else None
    if not (letter and holder and holder.is_open) or how in ("resume", WORK_DONE):
        return []
    return [draft.letter(letter, holder.party, assignment=holder.id, how=how)]


def after(draft: Draft, action: str) -> None:
    """What ``action`` means for a pause: some actions end it, and with nothing left to wait for it is over."""
    case = draft.case
    if case.pause is None:
        return
    spec = draft.process.pauses.get(case.pause["cause"])
    if spec and spec.ended_by == action:
        end(draft, action)
    elif not any(c.is_open and c.paused_at for c in case.clocks):
        end(draft, WORK_DONE)


def _causes(rulebook: Rulebook, case: Case) -> Iterable[str]:
    """Reasons of the process for which a clock of the present stage may stand still."""
    running = {clock.name for clock in case.clocks if clock.runs}
    reasons = rulebook.process(case.process).pauses
    return [name for name, spec in reasons.items() if running.intersection(spec.clocks)]


ACTIONS = (
    Action("pause", may_pause, pause, [Field("cause", "choice", choices=_causes), Field("reason")]),
    Action("resume", may_resume, resume),
)

"""敷衍塞责、推诿扯皮……严肃追究责任: a missed deadline climbs the ladder, and every rung names somebody.

−1 wd yellow card, 0 red card, then supervision, the leading group and an accountability file that a person decides on.
"""

from __future__ import annotations

from rules.case import CITIZEN, Case, Clock
from rules.clocks import RungTime, next_rung
from rules.draft import Draft
from rules.feedback import stay_silent
from rules.pause import PAUSE, RAN_OUT
from rules.pause import end as end_pause


def climb(draft: Draft) -> None:
    """Everything the running clocks owe at ``now``: each rung once, in order of time, however late we are."""
    while clock := _due_clock(draft):
        if clock.name == PAUSE:
            end_pause(draft, RAN_OUT)
        elif not clock.on_due:
            _reach(draft, clock)
        elif clock.holder == CITIZEN:
            stay_silent(draft, clock.on_due)
        else:
            draft.finish("time_ran_out", clock.on_due, clock=clock.id, holder=holder_of(draft, clock))


def _due_clock(draft: Draft) -> Clock | None:
    """The running clock that has waited longest for its next rung."""
    due = [c for c in draft.case.clocks if c.runs and c.next_at is not None and c.next_at <= draft.now]
    return min(due, key=lambda c: (c.next_at, c.id), default=None)


def _reach(draft: Draft, clock: Clock) -> None:
    rung, following = _following(draft, clock, clock.rung), None
    if rung is not None:
        following = _following(draft, clock, rung.rung.name)
    holder = holder_of(draft, clock)
    draft.add(
        "rung_reached",
        clock=clock.id,
        rung=rung.rung.name if rung else "top",
        due=clock.due_at.isoformat(),
        holder=holder,
        next=following.at.isoformat() if following else None,
        told=[_name(draft, to, holder) for to in rung.rung.to] if rung else None,
        letters=_letters(draft, clock, rung, holder) if rung else None,
        rows={"ladder": rung.rung.row} if rung and rung.rung.row else None,
    )


def _following(draft: Draft, clock: Clock, after: str) -> RungTime | None:
    case, since, due = draft.case, clock.started_at, clock.due_at
    return next_rung(draft.rulebook, clock.name, case.urgency, since=since, due=due, after=after, process=case.process)


def _letters(draft: Draft, clock: Clock, rung: RungTime, holder: str) -> list[dict[str, object]]:
    facts = {"clock": clock.name, "due": clock.due_at.isoformat(), "rung": rung.rung.name, "holder": holder}
    recipients = dict.fromkeys(_address(draft, to, holder) for to in rung.rung.to)
    assignment = clock.assignment or _open_assignment(draft.case, holder)
    return [draft.letter(rung.rung.letter, to, assignment=assignment, **facts) for to in recipients]


def _open_assignment(case: Case, holder: str) -> str:
    return next((a.id for a in case.open_assignments() if a.party == holder), "")


def holder_of(draft: Draft, clock: Clock) -> str:
    """Who is late: the holder of the assignment; for the whole case the lead, else the first receiver."""
    return clock.holder if clock.assignment else draft.case.lead or draft.rulebook.office("desk").code


def _address(draft: Draft, to: str, holder: str) -> str:
    if to == "handler":
        return holder
    return f"{holder}:head" if to == "head" else draft.rulebook.office(to).code


def _name(draft: Draft, to: str, holder: str) -> dict[str, str]:
    """The person told, by name, so that the ledger says who knew."""
    code = holder if to in ("handler", "head") else draft.rulebook.office(to).code
    department = draft.rulebook.department(code, draft.now)
    person = department.handler if to == "handler" else department.head
    return {"party": code, "name": person.name}

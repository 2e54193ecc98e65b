"""建立台账: what follows from an entry, whatever its kind: a stage ends, duties and clocks begin and end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from rules.case import Assignment, Case, Clock, Entry


def moment_of(text: str | None) -> datetime | None:
    """An ISO text of an entry as an aware moment."""
    return datetime.fromisoformat(text) if text else None


def consequences(case: Case, entry: Entry) -> dict[str, Any]:
    """What every kind of entry may carry: outcome, assignments opened and ended, clocks started, stopped, paused."""
    d = entry.data
    changes: dict[str, Any] = {}
    if "outcome" in d:
        changes |= {"outcome": d["outcome"], "pause": None}
    if "open" in d or "end" in d:
        ends: Mapping[str, str] = d.get("end", {})
        kept = [_ended(a, entry.at, ends[a.id]) if a.id in ends else a for a in case.assignments]
        changes["assignments"] = (*kept, *(_opened(o, case, entry) for o in d.get("open", ())))
    if not _TIMED.isdisjoint(d):
        changes["clocks"] = (*_clocks_left(case, entry), *(_started(s, case, entry) for s in d.get("start", ())))
    return changes


_TIMED = frozenset({"start", "stop", "pause", "resume"})


def _clocks_left(case: Case, entry: Entry) -> Iterator[Clock]:
    """The clocks there were: some stop, some stand still, some go on with a new due moment."""
    d = entry.data
    stops, pauses = set(d.get("stop", ())), set(d.get("pause", ()))
    goes_on = {one["id"]: one for one in d.get("resume", ())}
    for clock in case.clocks:
        if clock.id in stops and clock.is_open:
            yield replace(clock, stopped_at=entry.at)
        elif clock.id in pauses and clock.runs:
            yield replace(clock, paused_at=entry.at, next_at=None)
        elif one := goes_on.get(clock.id):
            due, at = datetime.fromisoformat(one["due"]), moment_of(one.get("next"))
            yield replace(clock, paused_at=None, due_at=due, next_at=at)
        else:
            yield clock


def _opened(opened: Mapping[str, Any], case: Case, entry: Entry) -> Assignment:
    return Assignment(
        id=opened["id"],
        party=opened["party"],
        role=opened["role"],
        stage=entry.data.get("stage", case.stage),
        opened_at=entry.at,
        ruled=opened.get("ruled", False),
        claimed_at=entry.at if opened.get("claimed") else None,
        contacted_at=entry.at if opened.get("contacted") else None,
    )


def _ended(assignment: Assignment, at: datetime, how: str) -> Assignment:
    return replace(assignment, ended_at=at, how=how)


def _started(started: Mapping[str, Any], case: Case, entry: Entry) -> Clock:
    """A clock of an assignment belongs to the stage of its entry, unless it says another one."""
    stage = entry.data.get("stage", case.stage) if "assignment" in started else ""
    return Clock(
        id=started["id"],
        name=started["name"],
        holder=started["holder"],
        started_at=moment_of(started.get("since")) or entry.at,
        due_at=datetime.fromisoformat(started["due"]),
        next_at=moment_of(started.get("next")),
        assignment=started.get("assignment"),
        stage=started.get("stage", stage),
        rung=started.get("rung", ""),
        on_due=started.get("on_due", ""),
    )

"""建立台账: what the entries of a case add up to. Nothing here decides; it only remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rules.case import Case, Entry
from rules.consequences import consequences, moment_of


def fold(number: str, entries: Iterable[Entry]) -> Case:
    """The case of all its entries, oldest first. Raises :class:`ValueError` when there are none."""
    case: Case | None = None
    for entry in entries:
        case = evolve(case, entry, number=number)
    if case is None:
        raise ValueError(f"{number} has no entries")
    return case


def evolve(case: Case | None, entry: Entry, *, number: str = "") -> Case:
    """The case after one more entry; the first entry (``complaint_received``) makes the case."""
    if case is None:
        return _received(number, entry)
    changes: dict[str, Any] = {"seq": case.seq + 1, "updated_at": entry.at}
    changes |= consequences(case, entry)
    if own := _OWN.get(entry.kind):
        changes |= own(case, entry)
    return replace(case, **changes)


def _received(number: str, entry: Entry) -> Case:
    d = entry.data
    return Case(
        number=number,
        rulebook=d["rulebook"],
        process=d["process"],
        opened_at=entry.at,
        channel=d["channel"],
        type=d["type"],
        category=d.get("category"),
        district=d.get("district"),
        anonymous=d.get("anonymous", False),
        confidential=d.get("confidential", False),
        seq=1,
        updated_at=entry.at,
        **consequences(_NOTHING_YET, entry),
    )


_NOTHING_YET = Case(number="", rulebook="", process="", opened_at=datetime.min.replace(tzinfo=UTC))
"""What a first entry has consequences for: rows of files come by the thousand, and a case is made once for each."""


def _stage_entered(case: Case, entry: Entry) -> dict[str, Any]:
    stage = entry.data["stage"]
    changes = {"stage": stage, "outcome": None, "visits": {**case.visits, stage: case.visits.get(stage, 0) + 1}}
    return changes | {k: entry.data[k] for k in ("category", "district", "urgency", "lead") if k in entry.data}


def _dispatched(case: Case, entry: Entry) -> dict[str, Any]:
    d = entry.data
    changes = {
        "lead": d["lead"],
        "partners": tuple(d.get("partners", ())),
        "ruled": d.get("ruled", False),
        "dispute": None,
    }
    return changes | {k: d[k] for k in ("category", "urgency") if k in d}


def _returned(case: Case, entry: Entry) -> dict[str, Any]:
    d = entry.data
    if d.get("role") == "partner":
        return {"partners": tuple(p for p in case.partners if p != entry.actor)}
    return {"returns": case.returns + 1, "dispute": _dispute(entry), "lead": None, "partners": ()}


def _dispute(entry: Entry) -> dict[str, Any]:
    d = entry.data
    return {"why": d["outcome"], "by": entry.actor, "reason": d["reason"], "department": d.get("department")}


def _touched(case: Case, entry: Entry, **change: Any) -> dict[str, Any]:
    """One assignment changed by its party."""
    id = entry.data["assignment"]
    return {"assignments": tuple(replace(a, **change) if a.id == id else a for a in case.assignments)}


def _contributed(case: Case, entry: Entry) -> dict[str, Any]:
    id, at = entry.data["assignment"], entry.at
    done = {"contribution": entry.data["contribution"], "ended_at": at, "how": "contribute"}
    return {
        "assignments": tuple(
            replace(a, **done, claimed_at=a.claimed_at or at) if a.id == id else a for a in case.assignments
        )
    }


def _answered(case: Case, entry: Entry) -> dict[str, Any]:
    d = entry.data
    return {"answer": d["answer"], "reply": d["reply"], "plan": d.get("plan"), "review": None}


def _explained(case: Case, entry: Entry) -> dict[str, Any]:
    return {"explanation": entry.data["text"], "final": entry.data.get("final", False)}


def _rated(case: Case, entry: Entry) -> dict[str, Any]:
    d = entry.data
    rating = {k: d.get(k, "") for k in ("solved", "satisfied", "comment")}
    again = {"redos": case.redos + 1, "explanation": ""} if d["outcome"] == "redo" else {}
    return {"rating": rating, **again}


def _contested(case: Case, entry: Entry) -> dict[str, Any]:
    return {"contests": case.contests + 1, "dispute": _dispute(entry), "explanation": "", "plan": None}


def _appealed(case: Case, entry: Entry) -> dict[str, Any]:
    return {"appeals": case.appeals + 1, "dispute": _dispute(entry)}


def _reviewed(case: Case, entry: Entry) -> dict[str, Any]:
    """What was overturned is no longer the answer; who answers again starts without the old explanation."""
    d = entry.data
    review = {"by": entry.actor, "stage": case.stage, "verdict": d["verdict"], "reason": d["reason"]}
    again = {"explanation": "", "plan": None} if entry.kind == "decision_overturned" else {}
    return {"reviews": case.reviews + 1, "review": review, "dispute": None, **again}


def _paused(case: Case, entry: Entry) -> dict[str, Any]:
    d = entry.data
    pause = {name: d[name] for name in ("cause", "reason", "assignment", "until")} | {"since": entry.at.isoformat()}
    return {"pause": pause, "pauses": {**case.pauses, d["cause"]: case.pauses.get(d["cause"], 0) + 1}}


def _extended(case: Case, entry: Entry) -> dict[str, Any]:
    return {"extensions": case.extensions + 1} | _clock_set(
        case, entry, due_at=datetime.fromisoformat(entry.data["due"]), rung=""
    )


def _rung(case: Case, entry: Entry) -> dict[str, Any]:
    return _clock_set(case, entry, rung=entry.data["rung"])


def _clock_set(case: Case, entry: Entry, **change: Any) -> dict[str, Any]:
    id, at = entry.data["clock"], moment_of(entry.data.get("next"))
    return {"clocks": tuple(replace(c, next_at=at, **change) if c.id == id else c for c in case.clocks)}


def _migrated(case: Case, entry: Entry) -> dict[str, Any]:
    """The same case under other rules; a stage by another name was entered as often."""
    d = entry.data
    changes = {name: d[name] for name in ("rulebook", "lead") if name in d}
    if "partners" in d or d.get("no_partners"):
        changes["partners"] = tuple(d.get("partners", ()))
    if "stage" in d:
        changes |= {"stage": d["stage"], "visits": {**case.visits, d["stage"]: case.visits.get(case.stage, 0)}}
    return changes


def _closed(case: Case, entry: Entry) -> dict[str, Any]:
    return {"stage": "closed", "outcome": None, "closed_at": entry.at, "result": entry.data["result"]}


_OWN: Mapping[str, Callable[[Case, Entry], dict[str, Any]]] = {
    "stage_entered": _stage_entered,
    "complaint_dispatched": _dispatched,
    "owner_ruled": _dispatched,
    "complaint_answered": _answered,
    "department_claimed": lambda case, entry: _touched(case, entry, claimed_at=entry.at),
    "citizen_contacted": lambda case, entry: _touched(case, entry, contacted_at=entry.at),
    "department_fixed": _answered,
    "department_returned": _returned,
    "partners_requested": lambda case, entry: {"partners": (*case.partners, *entry.data["partners"])},
    "partner_contributed": _contributed,
    "coordination_closed": _answered,
    "fix_postponed": _answered,
    "demand_refused": _answered,
    "extension_granted": _extended,
    "explanation_given": _explained,
    "citizen_contested": _contested,
    "citizen_rated": _rated,
    "citizen_appealed": _appealed,
    "decision_upheld": _reviewed,
    "decision_overturned": _reviewed,
    "review_concluded": _reviewed,
    "clocks_paused": _paused,
    "clocks_resumed": lambda case, entry: {"pause": None},
    "rung_reached": _rung,
    "case_migrated": _migrated,
    "case_closed": _closed,
}
"""Kinds of entry that change more than their consequences. The others: complaint_received, citizen_silent,
citizen_withdrew, information_added, time_ran_out."""

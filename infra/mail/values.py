"""What a letter may say: plain values only, and never the complainant's person where that is not allowed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from infra import access
from infra.ledger import Letter, Person
from infra.locale import label, moment_text
from infra.wording import category_name, district_name, party_name, stage_name, term
from rules.case import CITIZEN, Case, Complaint, Entry
from rules.rulebook import Rulebook


def values_for(
    letter: Letter, *, case: Case, complaint: Complaint, person: Person, book: Rulebook, entries: Sequence[Entry], locale: str
) -> dict[str, Any]:
    """Strings and lists for the templates of ``letter``; moments are written out in the city's zone."""
    party = letter.to.removesuffix(":head")
    to_citizen = party == CITIZEN
    values = {
        "number": case.number,
        "subject": complaint.subject,
        "description": complaint.description,
        "category": category_name(book, case.category, locale),
        "place": " ".join(filter(None, [district_name(book, case.district, locale), complaint.address])),
        "urgency": term(locale, case.urgency),
        "stage": stage_name(book, case.process, case.stage, locale),
        "lead": party_name(book, case.lead, locale),
        "partners": [party_name(book, p, locale) for p in case.partners],
        "recipient": "" if to_citizen else party_name(book, party, locale),
        "deadlines": _deadlines(case, letter.assignment, locale),
        "due": "",
        "reply": case.reply,
        "explanation": case.explanation,
        "plan": _plan(case, book, locale),
        "contact": _last(entries, "explanation_given", "contact"),
        "reason": "",
        "why": "",
        "text": "",
        "final": case.final,
        "result": case.result or "",
        "rated": case.rating is not None,
        "is_open": not case.is_closed,
        "redo": _redo(case, entries) if case.redos else None,
        "dispute": _dispute(case, book, locale),
        "row": _last(entries, "complaint_dispatched", "rows").get("catalogue", "") if case.lead else "",
        "person": None if to_citizen or case.anonymous or case.confidential or not person.is_known else _shown(person),
        "task_url": _task_url(letter, party),
        "track_url": access.tracking_url(case.number) if to_citizen else "",
        "contributions": _contributions(case, book, locale),
        "office": _desk(book, locale),
    }
    return values | _own(letter, book, locale)


def recipient(letter: Letter, person: Person, book: Rulebook) -> str:
    """The address the letter goes to; empty when a citizen left none."""
    if letter.to == CITIZEN:
        return person.email
    department = book.department(letter.to.removesuffix(":head"))
    return (department.head.mail if letter.to.endswith(":head") else "") or department.mail


def _own(letter: Letter, book: Rulebook, locale: str) -> dict[str, Any]:
    """The values the entry gave this letter, in words."""
    own = dict(letter.data)
    if "due" in own:
        own["due"] = moment_text(own["due"], locale)
    for name in ("clock", "rung"):
        if name in own:
            own[name] = term(locale, own[name])
    if "holder" in own:
        own["holder"] = party_name(book, own["holder"], locale)
    return own


def _deadlines(case: Case, assignment: str, locale: str) -> list[dict[str, str]]:
    """The running clocks of one assignment, and that of the whole case, earliest first."""
    own = [c for c in case.clocks if c.runs and c.holder != CITIZEN and c.assignment in (assignment, None)]
    ordered: list[tuple[datetime, str]] = sorted((c.due_at, c.name) for c in own)
    return [{"name": term(locale, name), "at": moment_text(at, locale)} for at, name in ordered]


def _plan(case: Case, book: Rulebook, locale: str) -> dict[str, str] | None:
    if not case.plan:
        return None
    return {**case.plan, "owner": party_name(book, case.plan["owner"], locale)}


def _last(entries: Sequence[Entry], kind: str, field: str) -> Any:
    found = next((e.data[field] for e in reversed(entries) if e.kind == kind and field in e.data), None)
    return found if found is not None else {} if field == "rows" else ""


def _redo(case: Case, entries: Sequence[Entry]) -> dict[str, Any]:
    rating = case.rating or {}
    return {"round": case.redos, "comment": rating.get("comment", ""), "reply": _last(entries, "department_fixed", "reply")}


def _dispute(case: Case, book: Rulebook, locale: str) -> dict[str, str] | None:
    if not case.dispute:
        return None
    d = case.dispute
    better = party_name(book, d["department"], locale) if d.get("department") else ""
    return {"why": d["why"], "by": party_name(book, d["by"], locale), "reason": d["reason"], "better": better}


def _shown(person: Person) -> dict[str, str]:
    return {"name": person.name, "phone": person.phone}


def _task_url(letter: Letter, party: str) -> str:
    if not letter.assignment:
        return ""
    return access.task_url(access.TaskLink(letter.number, letter.assignment, party))


def _contributions(case: Case, book: Rulebook, locale: str) -> list[dict[str, str]]:
    done = [a for a in case.assignments if a.contribution]
    return [{"who": party_name(book, a.party, locale), "text": a.contribution} for a in done]


def _desk(book: Rulebook, locale: str) -> str:
    desk = book.office("desk")
    return f"{label(desk.name, locale)} {desk.phone}"

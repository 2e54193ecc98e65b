"""知情权: what a case looks like to its citizen, to a department and to the desk; each sees what is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from infra import access
from infra.locale import label, say
from infra.wording import (
    FIELDS,
    category_name,
    clock_name,
    district_name,
    has_verdicts,
    party_name,
    pause_name,
    refusal_text,
    sentence,
    stage_name,
    table_name,
    term,
    verdict_name,
)
from rules.actions import Offer, offers
from rules.case import CITIZEN, Assignment, Case, Clock, Complaint, Entry, Role
from rules.fields import Field
from rules.process import StageKind
from rules.rulebook import Rulebook

HANDLING = (StageKind.DEPARTMENTAL_FIX, StageKind.COORDINATION)
NOT_FOR_CITIZENS = {"rung_reached"}
SAID_OPENLY = {"clocks_paused", "decision_upheld", "decision_overturned", "review_concluded"}
"""Entries whose reason the citizen has a right to read."""
LONG_TEXT = {"reply", "reason", "note", "plan", "contribution", "text", "comment"}


def facts(case: Case, complaint: Complaint, book: Rulebook, locale: str) -> dict[str, Any]:
    """What everybody who may see the case sees."""
    return {
        "number": case.number,
        "subject": complaint.subject,
        "description": complaint.description,
        "category": category_name(book, case.category, locale),
        "place": place(case, complaint, book, locale),
        "channel": label(book.channels().get(case.channel, {"zh": case.channel}), locale),
        "urgency": term(locale, case.urgency),
        "is_urgent": case.urgency == "urgent",
        "stage": stage_name(book, case.process, case.stage, locale),
        "steps": steps(case, book, locale),
        "lead": party_name(book, case.lead, locale),
        "partners": [party_name(book, p, locale) for p in case.partners],
        "result": term(locale, case.result),
        "is_closed": case.is_closed,
        "opened_at": case.opened_at,
        "reply": case.reply,
        "explanation": case.explanation,
        "plan": {**case.plan, "owner": party_name(book, case.plan["owner"], locale)} if case.plan else None,
        "rating": case.rating,
        "pause": pause(case, book, locale),
        "review": review(case, book, locale),
        "is_again": not has_verdicts(book.process(case.process), case.stage),
        "reviewer": next((party_name(book, a.party, locale) for a in case.open_assignments(Role.REVIEWER)), ""),
    }


def pause(case: Case, book: Rulebook, locale: str) -> dict[str, Any] | None:
    """Why the clocks stand still, since when, and until when at most (moments as ISO texts)."""
    if not case.pause:
        return None
    told = {name: case.pause[name] for name in ("cause", "reason", "since", "until")}
    return told | {"label": pause_name(book, case.process, case.pause["cause"], locale)}


def review(case: Case, book: Rulebook, locale: str) -> dict[str, Any] | None:
    """What somebody who did not decide said about the present decision."""
    if not case.review:
        return None
    d = case.review
    words = {"by": party_name(book, d["by"], locale), "label": verdict_name(book, case.process, d["verdict"], locale)}
    words["stage"] = stage_name(book, case.process, d["stage"], locale)
    return {"verdict": d["verdict"], "reason": d["reason"], **words}


def place(case: Case, complaint: Complaint, book: Rulebook, locale: str) -> str:
    """District and address, without saying the district twice."""
    district = district_name(book, case.district, locale)
    said = book.district(case.district).name.values() if case.district else ()
    named = any(word in complaint.address for word in said)
    return complaint.address if named else f"{district} {complaint.address}".strip()


def steps(case: Case, book: Rulebook, locale: str) -> list[dict[str, Any]]:
    """The stages for a progress bar: passed, present or ahead."""
    process = book.process(case.process)
    handled = any(process.stages[name].kind in HANDLING for name in case.visits if name in process.stages)
    kinds = (StageKind.FEEDBACK,) if handled else (StageKind.FIRST_CONTACT, HANDLING[0], StageKind.FEEDBACK)
    ahead = {next((s.name for s in process.stages.values() if s.kind == kind), "") for kind in kinds}
    shown = [s for s in process.stages.values() if s.name in case.visits or s.name in ahead]
    return [
        {
            "name": label(stage.label, locale),
            "state": "now" if stage.name == case.stage else "done" if stage.name in case.visits else "ahead",
        }
        for stage in shown
    ]


def clock(item: Clock, case: Case, book: Rulebook, now: datetime, locale: str) -> dict[str, Any]:
    holder = item.holder if item.assignment else case.lead or item.holder
    return {
        "name": item.name,
        "label": clock_name(locale, item.name, book.process(case.process), item.stage),
        "holder": party_name(book, holder, locale),
        "due_at": item.due_at,
        "late": item.runs and item.due_at < now and item.holder != CITIZEN,
        "paused": not item.runs,
        "rung": term(locale, item.rung),
    }


def clocks(case: Case, book: Rulebook, now: datetime, locale: str, *, assignment: str = "") -> list[dict[str, Any]]:
    """Clocks that run or stand still, earliest first; for one assignment its own and that of the whole case."""
    running = [c for c in case.clocks if c.is_open and (not assignment or c.assignment in (assignment, None))]
    return [clock(c, case, book, now, locale) for c in sorted(running, key=lambda c: c.due_at)]


def timeline(
    case: Case, entries: Sequence[Entry], book: Rulebook, locale: str, *, public: bool
) -> list[dict[str, Any]]:
    """What happened, oldest first; the citizen is not shown who was urged inside the city."""
    told = [e for e in entries if not (public and e.kind in NOT_FOR_CITIZENS)]
    return [_told(case, e, book, locale, public=public) for e in told]


def _told(case: Case, entry: Entry, book: Rulebook, locale: str, *, public: bool) -> dict[str, Any]:
    d = entry.data
    quoted = next((str(d[name]) for name in ("reply", "text", "contribution", "comment") if name in d), "")
    is_open = not public or entry.kind in SAID_OPENLY
    inside = str(d.get("reason") or d.get("note") or "") if is_open else ""
    return {
        "at": entry.at,
        "kind": entry.kind,
        "actor": entry.actor,
        "text": sentence(book, case.process, entry, locale),
        "quote": quoted or inside,
        "rows": {} if public else {table_name(locale, table): row for table, row in d.get("rows", {}).items()},
        "told": [] if public else [f"{party_name(book, t['party'], locale)} {t['name']}" for t in d.get("told", ())],
    }


def forms(case: Case, assignment: Assignment, book: Rulebook, now: datetime, locale: str) -> dict[str, Any]:
    """Forms of the possible actions in the order of the process, and why the others are not possible."""
    offered = offers(book, case, assignment, now)
    possible = [o for o in offered if o.refusal is None]
    return {
        "forms": [_form(o, case, book, locale) for o in possible],
        "refused": [
            {"name": o.action, "label": term(locale, o.action), "reason": refusal_text(o.refusal, book, locale)}
            for o in offered
            if o.refusal is not None
        ],
    }


def _form(offer: Offer, case: Case, book: Rulebook, locale: str) -> dict[str, Any]:
    fields = [_field(f, case, book, locale) for f in offer.fields]
    return {"name": offer.action, "label": term(locale, offer.action), "fields": fields}


def _field(field: Field, case: Case, book: Rulebook, locale: str) -> dict[str, Any]:
    codes = tuple(field.choices(book, case)) if field.choices else ()
    return {
        "name": field.name,
        "label": say(locale, FIELDS.get(field.name, field.name)),
        "type": field.type,
        "long": field.name in LONG_TEXT,
        "required": field.required,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "default": (field.default(book, case) if field.default else None) or "",
        "choices": [(code, _choice_label(code, field.name, case, book, locale)) for code in codes],
    }


def _choice_label(code: str, field: str, case: Case, book: Rulebook, locale: str) -> str:
    if field in ("department", "partners"):
        return party_name(book, code, locale)
    if field == "cause":
        return pause_name(book, case.process, code, locale)
    if field == "verdict":
        return verdict_name(book, case.process, code, locale)
    return category_name(book, code, locale) if field == "category" else term(locale, code)


def api_field(field: Field, case: Case, book: Rulebook) -> dict[str, Any]:
    """A field for programs: ``{name, type, required, choices?}``."""
    shown: dict[str, Any] = {"name": field.name, "type": field.type, "required": field.required}
    if field.choices:
        shown["choices"] = list(field.choices(book, case))
    for name in ("minimum", "maximum"):
        if (limit := getattr(field, name)) is not None:
            shown[name] = limit
    if field.default and (value := field.default(book, case)):
        shown["default"] = value
    return shown


def api_party(book: Rulebook, code: str | None, locale: str) -> dict[str, str] | None:
    return {"code": code, "name": party_name(book, code, locale)} if code else None


def citizen_url(case: Case) -> str | None:
    """The citizen's own task link, while the case is open."""
    own = next(iter(case.open_assignments(Role.CITIZEN)), None)
    return access.task_url(access.TaskLink(case.number, own.id, own.party)) if own else None

"""向群众解释, and the complainant shield: what a letter may say, as plain values, and to whom it may say it.

A letter tells the case as it was when the letter was decided, however late it leaves: a repeat is the same letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from infra import access
from infra.ledger import Letter, Person
from infra.locale import label
from infra.wording import category_name, clock_name, district_name, party_name, pause_name, stage_name, term
from rules.case import CITIZEN, Answer, Case, Complaint, Entry, Role
from rules.departments import Department
from rules.evolve import fold
from rules.process import Process
from rules.rulebook import Rulebook

HEAD = ":head"
_MOMENTS = ("due", "until")
_PARTIES = ("holder",)
_ROUTED = ("complaint_dispatched", "owner_ruled")


def case_as_told(letter: Letter, entries: Sequence[Entry]) -> Case:
    """The case after everything that was decided together with the letter."""
    at = entries[letter.seq - 1].at
    last = max(n for n, entry in enumerate(entries, 1) if entry.at == at)
    return fold(letter.number, entries[:last])


def rulebook_of(letter: Letter, entries: Sequence[Entry]) -> str:
    """The version under which the letter was decided; a case may have been moved to another one since."""
    return next(str(e.data["rulebook"]) for e in reversed(entries[: letter.seq]) if "rulebook" in e.data)


def recipient(letter: Letter, person: Person, book: Rulebook) -> str:
    """The mail address; empty when a citizen left none."""
    if letter.to == CITIZEN:
        return person.email
    department = _department(letter, book)
    return (department.head.mail if letter.to.endswith(HEAD) else department.handler.mail) or department.mail


def recipient_name(letter: Letter, book: Rulebook, locale: str) -> str:
    """The name beside the address; citizens are addressed without one."""
    return "" if letter.to == CITIZEN else label(_department(letter, book).name, locale)


def values_for(
    letter: Letter, *, complaint: Complaint, person: Person, book: Rulebook, entries: Sequence[Entry], locale: str
) -> dict[str, Any]:
    """Texts, moments, lists and mappings for the templates of ``letter``; codes are put in words."""
    case = case_as_told(letter, entries)
    told = entries[: case.seq]
    words = _Words(book, locale, case, letter.decided_at)
    return {
        **_matter(case, complaint, words),
        **_parties(letter, case, person, words),
        **_progress(case, told, words),
        **_links(letter, case),
        "letter": letter.letter,
        "deadlines": _deadlines(case, letter.assignment, words),
        "rate_by": next((c.due_at for c in case.clocks if c.runs and c.holder == CITIZEN), None),
        "why": _why(case, told, words),
        "returnable": _returnable(case, book),
        "own": _own(letter, words),
    }


class _Words:
    """Codes of one rulebook in words of one locale, as the process of one case calls them, with whoever was in office
    at a moment."""

    def __init__(self, book: Rulebook, locale: str, case: Case, at: datetime) -> None:
        self.book = book
        self.locale = locale
        self.process = book.process(case.process)
        self.stage = case.stage
        self._at = at

    def clock(self, name: str) -> str:
        return clock_name(self.locale, name, self.process, self.stage)

    def cause(self, code: str) -> str:
        return pause_name(self.book, self.process.name, code, self.locale)

    def party(self, code: str | None) -> str:
        return party_name(self.book, code, self.locale)

    def term(self, code: str | None) -> str:
        return term(self.locale, code)

    def office(self, code: str) -> dict[str, str]:
        """A department as whoever wants to ask it needs it."""
        found = self.book.department(code, self._at)
        contact = {"phone": found.phone, "mail": found.mail, "handler": found.handler.name, "head": found.head.name}
        return {"name": label(found.name, self.locale), **contact}


def _matter(case: Case, complaint: Complaint, words: _Words) -> dict[str, Any]:
    """What the citizen brought."""
    channel = words.book.channels().get(case.channel, {})
    return {
        "number": case.number,
        "subject": complaint.subject,
        "description": complaint.description,
        "category": category_name(words.book, case.category, words.locale),
        "place": _place(case, complaint, words),
        "urgency": words.term(case.urgency),
        "urgent": case.urgency == "urgent",
        "channel": label(channel, words.locale) if channel else case.channel,
        "received_at": case.opened_at,
        "stage": stage_name(words.book, case.process, case.stage, words.locale),
        "verdicts": _verdicts(case, words),
    }


def _verdicts(case: Case, words: _Words) -> list[str]:
    """What a reviewer may conclude, where the process has words of its own for it."""
    stage = words.process.stages.get(case.stage)
    return [label(names, words.locale) for names in stage.verdicts.values()] if stage else []


def _place(case: Case, complaint: Complaint, words: _Words) -> str:
    """The district and the address, which often names the district already."""
    district = words.book.districts.get(case.district or "")
    if district is None or district.short in complaint.address:
        return complaint.address
    return f"{district_name(words.book, case.district, words.locale)} {complaint.address}".strip()


def _parties(letter: Letter, case: Case, person: Person, words: _Words) -> dict[str, Any]:
    """Who writes, who reads, who works on it; and the citizen, where that is allowed."""
    book, citizen = words.book, letter.to == CITIZEN
    return {
        "to_head": letter.to.endswith(HEAD),
        "recipient": "" if citizen else words.party(letter.to.removesuffix(HEAD)),
        "greeted": person.name if citizen else _person(letter, book),
        "lead": words.office(case.lead) if case.lead else None,
        "author": words.office(case.lead or _receiver(case, book)),
        "receiver": words.office(_receiver(case, book)),
        "partners": [words.party(code) for code in case.partners],
        "complainant": _complainant(letter, case, person),
        "shielded": "" if citizen else _shield(case),
        "office": words.office(book.office("desk").code),
    }


def _receiver(case: Case, book: Rulebook) -> str:
    """Who had it at first contact, last: a person there, else the desk for which the catalogue decided."""
    return next((a.party for a in reversed(case.assignments) if a.role == Role.DESK), book.office("desk").code)


def _person(letter: Letter, book: Rulebook) -> str:
    """The handler; the head when the letter is for the head, or for an office that only oversees."""
    department = _department(letter, book)
    oversees = department.office not in (None, "desk")
    return (department.head if oversees or letter.to.endswith(HEAD) else department.handler).name


def _complainant(letter: Letter, case: Case, person: Person) -> dict[str, str] | None:
    """Name and telephone for whoever has to speak with the citizen, and for nobody else (S6, S8)."""
    duty = case.assignment(letter.assignment)
    must_speak = duty is not None and duty.role in (Role.LEAD, Role.DESK) and duty.party == letter.to
    if not must_speak or _shield(case) or not (person.name or person.phone):
        return None
    return {"name": person.name, "phone": person.phone}


def _shield(case: Case) -> str:
    return "anonymous" if case.anonymous else "confidential" if case.confidential else ""


def _progress(case: Case, told: Sequence[Entry], words: _Words) -> dict[str, Any]:
    """What was done, said, promised and rated."""
    caps = words.process.caps
    return {
        "appealable": _offers(case, words.process, "appeal") and case.appeals < caps.appeals,
        "review": case.review and {**case.review, "by": words.party(case.review["by"])},
        "answer": case.answer,
        "reply": case.reply,
        "explanation": case.explanation,
        "final": case.final or case.outcome == "exhausted" or _is_final(told),
        "contact": _last(told, "explanation_given", "contact"),
        "plan": case.plan and {**case.plan, "owner": words.party(case.plan["owner"])},
        "contestable": _contestable(case, words.process),
        "round": case.redos,
        "rounds_left": max(0, caps.redos - case.redos),
        "rating": case.rating and {**case.rating, "solved": words.term(case.rating["solved"])},
        "dispute": _dispute(case, words),
        "contributions": _contributions(case, words),
        "asked": _last(told, "partners_requested", "reason"),
        "result": case.result or "",
    }


def _offers(case: Case, process: Process, action: str) -> bool:
    """Whether the present stage gives the citizen this action."""
    stage = process.stages.get(case.stage)
    return stage is not None and action in stage.actions.get(Role.CITIZEN, ())


def _contestable(case: Case, process: Process) -> bool:
    explained = case.answer in (Answer.PLANNED, Answer.REFUSED)
    return explained and case.contests < process.caps.contests and _offers(case, process, "contest")


def _contributions(case: Case, words: _Words) -> list[dict[str, str]]:
    return [{"who": words.party(a.party), "text": a.contribution} for a in case.assignments if a.contribution]


def _is_final(told: Sequence[Entry]) -> bool:
    """Whether the explanation asked for now is the final answer."""
    entered = next((e for e in reversed(told) if e.kind == "stage_entered"), None)
    return entered is not None and bool(entered.data.get("final"))


def _dispute(case: Case, words: _Words) -> dict[str, str] | None:
    """Why the desk has the case again, and whom the returning department thinks answerable."""
    if not case.dispute:
        return None
    d = case.dispute
    better = words.party(d["department"]) if d.get("department") else ""
    return {"why": d["why"], "by": words.party(d["by"]), "reason": d["reason"], "better": better}


def _links(letter: Letter, case: Case) -> dict[str, str]:
    """A task link is given only to the party whose task it is; who merely supervises gets none."""
    party = letter.to.removesuffix(HEAD)
    duty = case.assignment(letter.assignment)
    own = duty is not None and duty.party == party
    link = access.TaskLink(letter.number, letter.assignment, party)
    return {
        "task_url": access.task_url(link) if own else "",
        "track_url": access.tracking_url(case.number) if party == CITIZEN else "",
    }


def _deadlines(case: Case, assignment: str, words: _Words) -> list[dict[str, Any]]:
    """The running clocks of one assignment and that of the whole case, earliest first."""
    own = [c for c in case.clocks if c.runs and c.assignment in (assignment, None)]
    ordered: list[tuple[datetime, str]] = sorted((c.due_at, c.name) for c in own)
    return [{"name": words.clock(name), "at": at} for at, name in ordered]


def _why(case: Case, told: Sequence[Entry], words: _Words) -> dict[str, str]:
    """Why the present owner is the owner: the row and clause that fired, else the person who decided."""
    routed = next((e for e in reversed(told) if e.kind in _ROUTED), None)
    if routed is None or case.lead is None:
        return {"how": "", "row": "", "clause": "", "reason": ""}
    row = routed.data.get("rows", {}).get("catalogue", "")
    how = "ruled" if routed.kind == "owner_ruled" else "row" if row else "desk"
    return {"how": how, "row": row, "clause": _clause(words.book, row), "reason": routed.data.get("reason", "")}


def _returnable(case: Case, book: Rulebook) -> bool:
    """Whether the present stage lets the lead return the case at all."""
    stage = book.process(case.process).stages.get(case.stage)
    return stage is not None and not case.ruled and "return" in stage.actions.get(Role.LEAD, ())


def _clause(book: Rulebook, row: str) -> str:
    return next((r.cells.get("clause", "") for r in book.tables["catalogue"].rows if r.id == row), "")


def _own(letter: Letter, words: _Words) -> Mapping[str, Any]:
    """What its entry gave this letter, in words: clock, rung, due, holder, reason, text, why."""
    return {"why": "", "text": "", "reason": ""} | dict(_told(letter.data, words))


def _told(data: Mapping[str, Any], words: _Words) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if name in _MOMENTS:
            yield name, datetime.fromisoformat(value)
        elif name in _PARTIES:
            yield name, words.office(value)
        else:
            yield name, _IN_WORDS[name](words, value) if name in _IN_WORDS else value


_IN_WORDS: Mapping[str, Callable[[_Words, str], str]] = {"clock": _Words.clock, "cause": _Words.cause}


def _last(told: Sequence[Entry], kind: str, field: str) -> str:
    return next((str(e.data[field]) for e in reversed(told) if e.kind == kind and field in e.data), "")


def _department(letter: Letter, book: Rulebook) -> Department:
    return book.department(letter.to.removesuffix(HEAD), letter.decided_at)

"""初访初信、复查复核: whom a process means by an office, a department, or the superior of whoever decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from rules.case import Case, Role
from rules.process import Stage

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

ABOVE = "above"
"""The superior of whoever decided last (``above`` in departments.yaml)."""
DESK = "desk"


def party_of(book: Rulebook, case: Case, stage: Stage, at: datetime) -> str:
    """The department that works in ``stage``, at a moment: the first that is named and had no hand in the case, else
    the last one named; the desk when none is named or none exists, so that somebody always owns it. A department that
    was merged is its successor."""
    there = book.owners(at=at)
    meant = [code for name in stage.party if (code := resolve(book, case, stage, name))]
    named = [there[code].code for code in meant if code in there]
    hands = set(_hands(case, stage))
    fresh = [code for code in named if code not in hands]
    return next(iter([*fresh, *reversed(named)]), book.office(DESK).code)


def resolve(book: Rulebook, case: Case, stage: Stage, name: str) -> str | None:
    """The department code that ``name`` stands for; ``None`` when there is nobody above."""
    if name == ABOVE:
        return book.department(decider(book, case, stage)).above
    return book.offices[name].code if name in book.offices else name


def decider(book: Rulebook, case: Case, stage: Stage) -> str:
    """Who decided last: the reviewer of an earlier stage, the lead, else who answered at first contact."""
    reviewers = [a.party for a in case.assignments if a.role == Role.REVIEWER and a.stage != stage.name]
    answered = [a.party for a in case.assignments if a.role == Role.DESK]
    known = [book.office(DESK).code, *answered, case.lead, *reviewers]
    return [code for code in known if code][-1]


def _hands(case: Case, stage: Stage) -> Iterator[str]:
    """Whoever worked on it, or looked at it in another stage; who only returned it had no hand in it."""
    for a in case.assignments:
        reviewed = a.role == Role.REVIEWER and a.stage != stage.name
        answered = a.role == Role.DESK and a.how == "answer"
        if reviewed or answered or (a.role in (Role.LEAD, Role.PARTNER) and a.how != "return"):
            yield a.party

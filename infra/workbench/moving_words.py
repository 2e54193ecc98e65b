"""向群众解释 begins with the city's own people: what moving a case to other rules changes, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from infra.ledger import Ledger
from infra.wording import clock_name, party_name, refusal_text, stage_name
from infra.workbench.moving import MOVED, REFUSED, Deadline, Moved
from rules.rulebook import Rulebook

STAGE_GONE, DEPARTMENT_GONE = ("stage_gone", "stage_of_another_kind"), "department_gone"
HOWS = {
    "moved": "Goes on under this version", "refused": "Stays: it cannot be moved like this",
    "in_hand": "In hand just now; try again", "unchanged": "Nothing changes",
}  # fmt: skip
"""What became of a case -> English label."""


@dataclass(frozen=True, slots=True)
class Line:
    """A case in a table. Of a pair the second word is empty when both are the same; ``dates``: clock, whose it is, old
    and new moment; ``why``: the refusal."""

    number: str
    how: str
    stage: tuple[str, str]
    lead: tuple[str, str]
    dates: Sequence[tuple[str, str, datetime | None, datetime | None]]
    why: str


@dataclass(frozen=True, slots=True)
class Sum:
    """What a migration comes to: cases by what becomes of them, deadlines that come earlier or later."""

    cases: Mapping[str, int]
    earlier: int
    later: int


async def lines(ledger: Ledger, found: Sequence[Moved], new: Rulebook, locale: str) -> list[Line]:
    """Cases that stay first, then those of which something changes."""
    books = {version: await ledger.rulebook(version) for version in {one.rulebook for one in found if one.rulebook}}
    ordered = sorted(found, key=lambda one: (one.how == MOVED, not one.deadlines, one.number))
    return [_line(one, books.get(one.rulebook, new), new, locale) for one in ordered]


def _line(one: Moved, old: Rulebook, new: Rulebook, locale: str) -> Line:
    def stage(book: Rulebook, name: str) -> str:
        return stage_name(book, one.process, name, locale) if one.process in book.processes else name

    stages = (stage(old, one.stage[0]), stage(new, one.stage[1]) if one.stage[1] else "")
    leads = (party_name(old, one.lead[0], locale), party_name(new, one.lead[1], locale))
    why = refusal_text(one.why, old, locale) if one.why else ""
    dates = [_date(date, one, new, locale) for date in one.deadlines]
    return Line(one.number, one.how, _pair(*stages), _pair(*leads), dates, why)


def _date(date: Deadline, one: Moved, new: Rulebook, locale: str) -> tuple[str, str, datetime | None, datetime | None]:
    process = new.processes.get(one.process)
    return clock_name(locale, date.clock, process), party_name(new, date.holder, locale), date.old, date.new


def _pair(old: str, new: str) -> tuple[str, str]:
    return (old, "" if old == new else new)


def total(found: Sequence[Moved]) -> Sum:
    dates = [(d.old, d.new) for one in found for d in one.deadlines if d.old and d.new]
    earlier = sum(new < old for old, new in dates)
    return Sum(Counter(one.how for one in found), earlier, len(dates) - earlier)


def gone(found: Sequence[Moved]) -> tuple[list[str], list[str]]:
    """Stages and departments for which somebody has to say what stands for them."""
    refusals = [one.why for one in found if one.how == REFUSED and one.why]
    stages = [str(why.params["stage"]) for why in refusals if why.code in STAGE_GONE]
    departments = [str(why.params["department"]) for why in refusals if why.code == DEPARTMENT_GONE]
    return list(dict.fromkeys(stages)), list(dict.fromkeys(departments))

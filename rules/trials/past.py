"""听得进批评: what people did in past cases, to be tried under other rules: who, what and when, none of their words.

Texts decide nothing, so an order carries a mark in their place; the ledger's entries give everything that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from rules.case import Complaint
from rules.rulebook import Rulebook
from rules.trials.life import Order
from rules.trials.moments import moment

WORDS = "…"
"""Stands for a text that somebody wrote."""
LATER = "9999-12-31"
"""Stands for a promised day, which only has to be in the future."""

_REASONED = (
    "rule", "return", "request_partners", "refuse", "extend", "contest", "appeal", "uphold", "overturn", "conclude",
    "pause",
)  # fmt: skip
_WRITTEN: Mapping[str, tuple[tuple[str, Any], ...]] = {
    "answer": (("reply", WORDS),), "fix": (("reply", WORDS),), "close_coordination": (("reply", WORDS),),
    "contribute": (("contribution", WORDS),), "add_information": (("text", WORDS),),
    "explain": (("text", WORDS), ("contact", WORDS)),
    "cannot_fix_now": (("reason", WORDS), ("plan", WORDS), ("promised_on", LATER)),
    **dict.fromkeys(_REASONED, (("reason", WORDS),)),
}  # fmt: skip
"""Action -> the fields that only have to be filled in."""
_CHOSEN: Mapping[str, tuple[str, ...]] = {
    "dispatch": ("category", "urgency"), "extend": ("days",), "pause": ("cause",), "conclude": ("verdict",),
    "rate": ("solved", "satisfied"),
}  # fmt: skip
"""Action -> the fields by which something is decided; the entry keeps them under the same names."""
_NAMED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "dispatch": (("department", "lead"), ("partners", "partners")), "rule": (("department", "lead"),),
    "return": (("department", "department"),), "request_partners": (("partners", "partners"),),
}  # fmt: skip
"""Action -> fields that name departments, and what the entry calls them."""
TELLING = frozenset({*_CHOSEN, *_NAMED})
"""Actions whose entry has to be read."""


class Deed(NamedTuple):
    """What somebody did, and when (microseconds)."""

    at: int
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A case as it was; ``stage``, ``lead`` and ``result`` are where it stands now (``None``: it was on its way)."""

    number: str
    rulebook: str
    """The version it follows."""
    complaint: Complaint
    opened_at: int
    deeds: Sequence[Deed] = field(default_factory=list)
    stage: str | None = None
    lead: str | None = None
    result: str | None = None
    category: str | None = None
    district: str | None = None


def order_of(action: str, assignment: str | None, data: Mapping[str, Any] | None = None) -> Order:
    """The order behind the first entry of a signal; ``data`` is needed for :data:`TELLING` actions only."""
    if not data or action not in TELLING:
        return _plain(action, assignment)
    chosen = [(name, data[name]) for name in _CHOSEN.get(action, ()) if name in data]
    named = [(name, _several(data[own])) for name, own in _NAMED.get(action, ()) if data.get(own)]
    return Order(action, assignment, (*_WRITTEN.get(action, ()), *chosen), tuple(named))


@cache
def _plain(action: str, assignment: str | None) -> Order:
    """Few ids, few actions: the same order comes a million times."""
    return Order(action, assignment, _WRITTEN.get(action, ()))


def _several(codes: Any) -> tuple[str, ...]:
    return (codes,) if isinstance(codes, str) else tuple(codes)


class Likeness:
    """Which complaints one rulebook cannot tell apart: their words count only as far as its tables look for them."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book

    def of(self, complaint: Complaint, at: int) -> tuple[Any, ...]:
        book, when = self._book, moment(at)
        category = book.classify(complaint, when).value
        urgency = book.urgency(complaint, category, when).value
        place = book.locate(complaint)
        found = category or complaint.category, place or complaint.district, category is None, place is None
        return (complaint.channel, complaint.type, urgency, *found)

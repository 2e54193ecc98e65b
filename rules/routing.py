"""谁主管、谁负责;属地管理: by duty first, then by place; somebody always owns it (兜底)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rules.departments import BY_PLACE, Department, District
from rules.tables import Row, Table

__all__ = ["BY_PLACE", "Places", "Route", "backstop", "owner", "route", "split"]

_NOT_A_ROAD = r"(?!支?路|大?街(?!道)|\s+(?:road|rd|street|st)\b)"
"""Old towns name their roads after other places; a street office (街道) on the other hand is a place."""


@dataclass(frozen=True, slots=True)
class Route:
    """派单: exactly one lead, its partners, and the catalogue row that fired."""

    lead: str
    partners: tuple[str, ...]
    row: str


def route(
    catalogue: Table,
    departments: Mapping[str, Department],
    category: str | None,
    district: str | None,
    at: datetime | None = None,
) -> Route:
    """The first catalogue row whose lead exists for this place; the last row is the backstop for everything.

    Raises :class:`LookupError` when not even the backstop names a department (the rulebook check prevents that).
    """
    for row in catalogue.match(at, category=category or "", district=district or ""):
        lead = owner(row.cells["lead"], departments, district)
        if lead is not None:
            named = (owner(p, departments, district) for p in split(row.cells["partners"]))
            return Route(lead, tuple(dict.fromkeys(p for p in named if p and p != lead)), row.id)
    raise LookupError(f"no catalogue row for category {category!r} in district {district!r}")


def owner(cell: str, departments: Mapping[str, Department], district: str | None) -> str | None:
    """The department a cell names, or ``None`` when it needs a place that is not known."""
    if cell.endswith(BY_PLACE):
        cell = f"{district}-{cell.removesuffix(BY_PLACE)}"
    return departments[cell].code if cell in departments else None


def split(cell: str) -> list[str]:
    """Codes of a cell that names several."""
    return [code.strip() for code in re.split("[,、，]", cell) if code.strip()]


def backstop(row: Row) -> bool:
    """Whether a catalogue row takes whatever no other row took."""
    return not any(row.cells.get(name) for name in ("category/", "district"))


class Places:
    """属地: finds the district that an address names."""

    def __init__(self, districts: Iterable[District]) -> None:
        self._codes: dict[str, str] = {}
        all_of_them = [*districts]
        for district in all_of_them:
            named = (district.code, district.short, *district.name.values(), *district.names)
            self._codes |= {word.casefold(): district.code for word in named}
        self._full = _any_of([w for d in all_of_them for w in (*d.name.values(), *d.names)], _NOT_A_ROAD)
        self._short = _any_of([d.short for d in all_of_them], _NOT_A_ROAD)
        self._other = _any_of([w for d in all_of_them for w in d.not_in])

    def named(self, text: str) -> str | None:
        """The district whose code, name or short form ``text`` is."""
        return self._codes.get(text.strip().casefold())

    def find(self, address: str) -> str | None:
        """The first district whose full name stands in ``address``, else the first whose short form does."""
        text = address.casefold()
        found = self._full.search(text) or self._short.search(self._other.sub(" ", text))
        return self._codes[found[0]] if found else None


def _any_of(words: Iterable[str], after: str = "") -> re.Pattern[str]:
    """Any of ``words``, longest first; Latin ones only as whole words. No word at all never matches."""
    known = sorted({word.casefold() for word in words}, key=len, reverse=True)
    either = "|".join(rf"(?<![a-z]){re.escape(w)}(?![a-z])" if w.isascii() else re.escape(w) for w in known)
    return re.compile(f"(?:{either}){after}" if known else r"(?!)")

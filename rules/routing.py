"""谁主管、谁负责;属地管理: by duty first, then by place; somebody always owns it (兜底)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rules.departments import Department, District
from rules.tables import Row, Table

BY_PLACE = "@district"
"""A catalogue cell ``unit@district`` means the unit of the district the complaint is about."""


@dataclass(frozen=True, slots=True)
class Route:
    """派单: exactly one lead, its partners, and the catalogue row that fired."""

    lead: str
    partners: tuple[str, ...]
    row: str


def route(catalogue: Table, departments: Mapping[str, Department], category: str | None, district: str | None) -> Route:
    """The first catalogue row whose lead exists for this place; the last row is the backstop for everything.

    Raises :class:`LookupError` when not even the backstop names a department (the rulebook check prevents that).
    """
    for row in catalogue.match(category=category or "", district=district or ""):
        lead = owner(row.cells["lead"], departments, district)
        if lead is not None:
            named = (owner(p, departments, district) for p in split(row.cells.get("partners", "")))
            return Route(lead, tuple(dict.fromkeys(p for p in named if p and p != lead)), row.id)
    raise LookupError(f"no catalogue row for category {category!r} in district {district!r}")


def owner(cell: str, departments: Mapping[str, Department], district: str | None) -> str | None:
    """The department a cell names, or ``None`` when it needs a place that is not known."""
    if cell.endswith(BY_PLACE):
        cell = f"{district}-{cell.removesuffix(BY_PLACE)}"
    return cell if cell in departments else None


def split(cell: str) -> list[str]:
    """Codes of a cell that names several."""
    return [code.strip() for code in cell.replace("、", ",").split(",") if code.strip()]


def district_in(address: str, districts: Iterable[District]) -> str | None:
    """属地: the district an address names; the longest word wins, so that 西海岸 is not taken for something shorter."""
    found = [(len(word), d.code) for d in districts for word in d.words if word.casefold() in address.casefold()]
    return max(found, default=(0, None))[1]


def backstop(row: Row) -> bool:
    """Whether a catalogue row takes whatever no other row took."""
    return not any(row.cells.get(name) for name in ("category/", "district"))

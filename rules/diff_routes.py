"""谁主管、谁负责;属地管理: whose task changes, for which matters and where, in the fewest sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from rules.departments import BY_PLACE, SEPARATOR
from rules.diff import Change, change
from rules.routing import split
from rules.rulebook import Rulebook
from rules.tables import Row

Owners = tuple[str, tuple[str, ...]]
"""Lead and partners; a unit that each district has is written ``unit@district``."""
EVERYWHERE, KNOWN_PLACE, UNKNOWN_PLACE = "everywhere", "in_all_districts", "place_unknown"


def routes(old: Rulebook, new: Rulebook, at: datetime | None) -> Iterator[Change]:
    """Matters and places that both know, and whose lead or partners change."""
    places = [*(d for d in new.districts if d in old.districts), None]
    known = [code for code in new.categories if code in old.categories]
    common = list(_touched(old, new))
    for kind, part in (("lead_changed", 0), ("partners_changed", 1)):
        moved: dict[tuple[Any, Any], dict[str, set[str | None]]] = defaultdict(lambda: defaultdict(set))
        for category in common:
            for place in places:
                was, will = (_owners(book, category, place, at)[part] for book in (old, new))
                if was != will:
                    moved[was, will][category].add(place)
        for (was, will), where in moved.items():
            for (categories, among), named in _alike(where, places, known):
                only = among[0] if len(among) == 1 else None
                yield change(kind, **categories, **named, old=_here(was, only), new=_here(will, only))


def owners(book: Rulebook, category: str, at: datetime | None) -> list[str]:
    """Who may lead in a matter, wherever it happens."""
    return list(dict.fromkeys(_owners(book, category, place, at)[0] for place in book.districts))


def _touched(old: Rulebook, new: Rulebook) -> Iterator[str]:
    """Categories that a changed row of the catalogue may concern; all of them when departments come or go."""
    was, will = (list(map(_answers, book.tables["catalogue"].rows)) for book in (old, new))
    blocks = SequenceMatcher(None, was, will, autojunk=False).get_opcodes()
    changed = [row for tag, a, b, c, d in blocks if tag != "equal" for row in (*was[a:b], *will[c:d])]
    concerned = [word for cells in changed for word in split(dict(cells).get("category/", ""))]
    every = old.departments.keys() != new.departments.keys() or any(not dict(c).get("category/") for c in changed)
    for code in new.categories:
        if code in old.categories and (every or any(above in concerned for above in (code, *_above(code)))):
            yield code


def _answers(row: Row) -> tuple[tuple[str, str], ...]:
    return tuple((name, cell) for name, cell in row.cells.items() if name not in ("id", "clause"))


def _owners(book: Rulebook, category: str, place: str | None, at: datetime | None) -> Owners:
    found = book.route(category, place, at=at)
    return _anywhere(found.lead, place), tuple(_anywhere(code, place) for code in found.partners)


def _anywhere(code: str, place: str | None) -> str:
    """The unit that every district has, so that ten districts make one sentence."""
    return f"{code.removeprefix(f'{place}-')}{BY_PLACE}" if place and code.startswith(f"{place}-") else code


def _alike(
    where: Mapping[str, Collection[str | None]], places: list[str | None], known: Collection[str]
) -> Iterator[tuple[tuple[dict[str, list[str]], list[str | None]], dict[str, Any]]]:
    """Categories by the places in which they change. One stands for everything below it, apart from the exceptions."""
    alike: dict[frozenset[str | None], list[str]] = defaultdict(list)
    for category, changed in where.items():
        alike[frozenset(changed)].append(category)
    for changed, categories in alike.items():
        among = [place for place in places if place in changed]
        tops = [code for code in categories if _parent(code) not in categories]
        apart = [code for code in known if code not in categories and _parent(code) in categories]
        yield ({"categories": tops, "apart_from": apart}, among), _place(among, places)


def _parent(code: str) -> str:
    return code.rpartition(SEPARATOR)[0]


def _above(code: str) -> Iterator[str]:
    while SEPARATOR in code:
        code = code.rpartition(SEPARATOR)[0]
        yield code


def _place(among: list[str | None], places: list[str | None]) -> dict[str, Any]:
    """Where: some districts by name, or one word for all of them."""
    known = [place for place in among if place]
    if len(among) == len(places):
        return {"where": EVERYWHERE, "districts": []}
    if not known:
        return {"where": UNKNOWN_PLACE, "districts": []}
    every = len(known) == len([place for place in places if place])
    return {"where": KNOWN_PLACE if every else "", "districts": [] if every else known}


def _here(owners: Any, place: str | None) -> Any:
    """In one district the unit is a department with a name."""
    if isinstance(owners, tuple):
        return [_here(one, place) for one in owners]
    return f"{place}-{owners.removesuffix(BY_PLACE)}" if place and owners.endswith(BY_PLACE) else owners

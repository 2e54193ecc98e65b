"""谁主管、谁负责;属地管理: every category has an owner in every district, and every owner exists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rules.cells import words_of
from rules.cover import Cover
from rules.departments import BY_PLACE, SEPARATOR
from rules.faults import Fault, meant
from rules.routing import backstop, split
from rules.survey import CATEGORIES, DEPARTMENTS, DISTRICTS, Survey
from rules.tables import Row, Table

OFFICES = ("desk", "supervision", "leading_group", "accountability")
CATALOGUE = "catalogue.csv"


def owners(survey: Survey) -> Iterator[Fault]:
    """What is wrong with offices, with the owners of the catalogue, and with categories that have none."""
    yield from _offices(survey)
    yield from _names(survey)
    yield from _strange_places(survey)
    rows = survey.rows("catalogue")
    for row in rows:
        yield from _lead(survey, row)
        for cell in split(row.cells["partners"]):
            yield from _owner(survey, row, "partners", cell)
    table = survey.table("catalogue")
    if table is not None and survey.sound(CATALOGUE):
        yield from _backstop(table)
        yield from _hidden(table)
        if survey.sound(CATEGORIES, DISTRICTS):
            yield from _ownerless(survey, table)


def _offices(survey: Survey) -> Iterator[Fault]:
    if not survey.sound(DEPARTMENTS):
        return
    holders = [(d.office, d.code) for d in survey.book.departments.values() if d.office]
    count = Counter(office for office, _ in holders)
    strange = [office for office in count if office not in OFFICES]
    for office in strange:
        line = survey.line(DEPARTMENTS, f"office: {office}")
        yield Fault(DEPARTMENTS, line, "office", f"unknown office '{office}'{meant(office, OFFICES)}")
    near = " ".join(meant(office, OFFICES) for office in strange)
    for office in OFFICES:
        if not count[office] and office not in near:
            message = f"no department has 'office: {office}'; every process needs one, so give it to a department"
            yield Fault(DEPARTMENTS, 0, "office", message)
        elif count[office] > 1:
            codes = ", ".join(code for held, code in holders if held == office)
            line = survey.line(DEPARTMENTS, f"office: {office}", last=True)
            yield Fault(DEPARTMENTS, line, "office", f"'office: {office}' has to be one department, not {codes}")


def _names(survey: Survey) -> Iterator[Fault]:
    """Two districts with one name: nobody could say which an address means."""
    seen: dict[str, str] = {}
    for code, district in survey.book.districts.items():
        for name in {district.short, *district.name.values(), *district.names}:
            if (other := seen.setdefault(name, code)) != code:
                line = survey.line(DISTRICTS, f"code: {code}")
                yield Fault(DISTRICTS, line, "names", f"'{name}' names both '{other}' and '{code}'; give each its own")


def _strange_places(survey: Survey) -> Iterator[Fault]:
    """Streets of a district that does not exist."""
    for place in dict.fromkeys(d.district for d in survey.book.departments.values() if d.district):
        if message := survey.unknown("district", place, survey.book.districts, DISTRICTS):
            yield Fault(DEPARTMENTS, 0, f"streets.{place}", message)


def _lead(survey: Survey, row: Row) -> Iterator[Fault]:
    lead = row.cells["lead"]
    if not lead:
        yield Fault(CATALOGUE, row.line, "lead", "is empty; a row has to name a lead department")
    elif len(split(lead)) > 1:
        message = f"'{lead}' names several; there is exactly one lead, the others are partners"
        yield Fault(CATALOGUE, row.line, "lead", message)
    else:
        yield from _owner(survey, row, "lead", lead)
        if lead in split(row.cells["partners"]):
            yield Fault(CATALOGUE, row.line, "partners", f"'{lead}' is the lead of this row already; take it out here")


def _owner(survey: Survey, row: Row, column: str, cell: str) -> Iterator[Fault]:
    known = survey.book.departments
    if not cell.endswith(BY_PLACE):
        if message := survey.unknown("department", cell, known, DEPARTMENTS):
            yield Fault(CATALOGUE, row.line, column, message)
        return
    unit, places = cell.removesuffix(BY_PLACE), _places(survey, row)
    without = [place for place in places if f"{place}-{unit}" not in known]
    if not without or survey.unknown("unit", unit, (), DEPARTMENTS) is None:
        return
    if len(without) == len(places):
        units = sorted({c.removeprefix(f"{d.district}-") for c, d in known.items() if d.district in places})
        message = f"no district has a unit '{unit}' (district_units in {DEPARTMENTS}){meant(unit, units)}"
    else:
        message = f"'{unit}' is missing in {', '.join(without)}; add it there in {DEPARTMENTS}, or name these districts"
    yield Fault(CATALOGUE, row.line, column, message)


def _places(survey: Survey, row: Row) -> Sequence[str]:
    """The districts a row is about."""
    named = words_of(row.cells["district"]) or ()
    return [place for place in survey.book.districts if not named or place in named]


def _backstop(table: Table) -> Iterator[Fault]:
    last = table.rows[-1] if table.rows else None
    if last is not None and (not backstop(last) or BY_PLACE in last.cells["lead"]):
        message = "the last row has to be a backstop: blank category and district, and a lead that needs no place"
        yield Fault(CATALOGUE, last.line, "lead", message)


def _hidden(table: Table) -> Iterator[Fault]:
    """Rows that are never reached, because a row above has an owner wherever they would have one."""
    covers = [Cover(column) for column in table.columns]
    for n, row in enumerate(table.rows[:-1]):
        for above in table.rows[:n]:
            valid = above.valid[0] <= row.valid[0] and row.valid[1] <= above.valid[1]
            if valid and _owns(above, row) and all(cover(above, row) for cover in covers):
                message = f"is never reached: line {above.line} takes everything this row would take; move it above"
                yield Fault(CATALOGUE, row.line, "", message)
                break


def _owns(above: Row, row: Row) -> bool:
    """Whether ``above`` finds its lead wherever ``row`` finds one."""
    if BY_PLACE not in above.cells["lead"]:
        return True
    return BY_PLACE in row.cells["lead"] or bool(row.cells["district"])


def _ownerless(survey: Survey, table: Table) -> Iterator[Fault]:
    """Categories that only the backstop takes, in all districts or in some; the highest nodes, siblings together."""
    told: set[str] = set()
    found: dict[tuple[str | None, tuple[str, ...]], list[str]] = {}
    for nth in range(1, len(table.turns) + 2):
        owned = _owned(survey, [row for _, row in table.valid_in(nth) if not backstop(row)])
        alone = {c: [d for d in survey.book.districts if d not in _union(owned, c)] for c in survey.book.categories}
        for code, node in survey.book.categories.items():
            if alone[code] and not told.intersection(node.path) and all(alone[leaf] for leaf in _leaves(survey, code)):
                told.add(code)
                found.setdefault((node.parent, tuple(alone[code])), []).append(code)
    for (_, without), codes in found.items():
        where = "" if len(without) == len(survey.book.districts) else f" in {', '.join(without)}"
        said = f"category {', '.join(map(repr, codes))} has no owner{where}"
        yield Fault(CATEGORIES, 0, _path(codes[0]), f"{said}: only the backstop takes it; add a row to {CATALOGUE}")


def _leaves(survey: Survey, code: str) -> list[str]:
    """The leaves below a category, or itself."""
    return [c for c, node in survey.book.categories.items() if node.leaf and code in node.path]


def _owned(survey: Survey, rows: Sequence[Row]) -> dict[str, set[str]]:
    """Category (empty: any) -> the districts in which a row takes it and whatever is below it."""
    owned: dict[str, set[str]] = {}
    for row in rows:
        for word in words_of(row.cells["category/"]) or ("",):
            owned.setdefault(word, set()).update(_places(survey, row))
    return owned


def _union(owned: Mapping[str, set[str]], code: str) -> set[str]:
    steps = code.split(SEPARATOR)
    words = ("", *(SEPARATOR.join(steps[: n + 1]) for n in range(len(steps))))
    return set().union(*(owned.get(word, set()) for word in words))


def _path(code: str) -> str:
    return f"categories.{code.replace(SEPARATOR, '.below.')}"

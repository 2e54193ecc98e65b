"""谁主管、谁负责;属地管理: every category has an owner in every district, and every owner exists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rules.cells import words_of
from rules.cover import Cover
from rules.departments import BY_PLACE, SEPARATOR
from rules.faults import Fault, meant, unknown
from rules.routing import backstop, split
from rules.said import NOTHING, noted, said
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
        yield Fault(DEPARTMENTS, line, "office", unknown(noted("office"), office, OFFICES))
    near = " ".join(meant(office, OFFICES) for office in strange)
    for office in OFFICES:
        if not count[office] and office not in near:
            nobody = noted(
                "no department has 'office: %(office)s'; every process needs one, so give it to a department"
            )
            yield Fault(DEPARTMENTS, 0, "office", said(nobody, office=office))
        elif count[office] > 1:
            codes = ", ".join(code for held, code in holders if held == office)
            line = survey.line(DEPARTMENTS, f"office: {office}", last=True)
            message = said("'office: %(office)s' has to be one department, not %(codes)s", office=office, codes=codes)
            yield Fault(DEPARTMENTS, line, "office", message)


def _names(survey: Survey) -> Iterator[Fault]:
    """Two districts with one name: nobody could say which an address means."""
    seen: dict[str, str] = {}
    for code, district in survey.book.districts.items():
        for name in {district.short, *district.name.values(), *district.names}:
            if (other := seen.setdefault(name, code)) != code:
                line = survey.line(DISTRICTS, f"code: {code}")
                both = noted("'%(name)s' names both '%(one)s' and '%(two)s'; give each its own")
                yield Fault(DISTRICTS, line, "names", said(both, name=name, one=other, two=code))


def _strange_places(survey: Survey) -> Iterator[Fault]:
    """Streets of a district that does not exist."""
    for place in dict.fromkeys(d.district for d in survey.book.departments.values() if d.district):
        if message := survey.unknown(noted("district"), place, survey.book.districts, DISTRICTS):
            yield Fault(DEPARTMENTS, 0, f"streets.{place}", message)


def _lead(survey: Survey, row: Row) -> Iterator[Fault]:
    lead = row.cells["lead"]
    if not lead:
        yield Fault(CATALOGUE, row.line, "lead", said("is empty; a row has to name a lead department"))
    elif len(split(lead)) > 1:
        message = said("'%(lead)s' names several; there is exactly one lead, the others are partners", lead=lead)
        yield Fault(CATALOGUE, row.line, "lead", message)
    else:
        yield from _owner(survey, row, "lead", lead)
        if lead in split(row.cells["partners"]):
            message = said("'%(lead)s' is the lead of this row already; take it out here", lead=lead)
            yield Fault(CATALOGUE, row.line, "partners", message)


def _owner(survey: Survey, row: Row, column: str, cell: str) -> Iterator[Fault]:
    known = survey.book.departments
    if not cell.endswith(BY_PLACE):
        if message := survey.unknown(noted("department"), cell, known, DEPARTMENTS):
            yield Fault(CATALOGUE, row.line, column, message)
        return
    unit, places = cell.removesuffix(BY_PLACE), _places(survey, row)
    without = [place for place in places if f"{place}-{unit}" not in known]
    if not without or survey.unknown(noted("unit"), unit, (), DEPARTMENTS) is None:
        return
    if len(without) == len(places):
        units = sorted({c.removeprefix(f"{d.district}-") for c, d in known.items() if d.district in places})
        no_unit = noted("no district has a unit '%(unit)s' (district_units in %(file)s)%(cure)s")
        message = said(no_unit, unit=unit, file=DEPARTMENTS, cure=meant(unit, units))
    else:
        missing = noted("'%(unit)s' is missing in %(places)s; add it there in %(file)s, or name these districts")
        message = said(missing, unit=unit, places=", ".join(without), file=DEPARTMENTS)
    yield Fault(CATALOGUE, row.line, column, message)


def _places(survey: Survey, row: Row) -> Sequence[str]:
    """The districts a row is about."""
    named = words_of(row.cells["district"]) or ()
    return [place for place in survey.book.districts if not named or place in named]


def _backstop(table: Table) -> Iterator[Fault]:
    last = table.rows[-1] if table.rows else None
    if last is not None and (not backstop(last) or BY_PLACE in last.cells["lead"]):
        message = said("the last row has to be a backstop: blank category and district, and a lead that needs no place")
        yield Fault(CATALOGUE, last.line, "lead", message)


def _hidden(table: Table) -> Iterator[Fault]:
    """Rows that are never reached, because a row above has an owner wherever they would have one."""
    covers = [Cover(column) for column in table.columns]
    for n, row in enumerate(table.rows[:-1]):
        for above in table.rows[:n]:
            valid = above.valid[0] <= row.valid[0] and row.valid[1] <= above.valid[1]
            if valid and _owns(above, row) and all(cover(above, row) for cover in covers):
                never = noted("is never reached: line %(line)s takes everything this row would take; move it above")
                message = said(never, line=above.line)
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
        everywhere = len(without) == len(survey.book.districts)
        where = NOTHING if everywhere else said(" in %(places)s", places=", ".join(without))
        message = said(
            "category %(codes)s has no owner%(where)s: only the backstop takes it; add a row to %(file)s",
            codes=", ".join(map(repr, codes)), where=where, file=CATALOGUE,
        )  # fmt: skip
        yield Fault(CATEGORIES, 0, _path(codes[0]), message)


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

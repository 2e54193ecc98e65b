"""谁主管、谁负责, on every day: whoever ends has a successor, and no row names somebody who is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from rules.categories import Category
from rules.departments import BY_PLACE, SEPARATOR, Department
from rules.faults import Fault
from rules.routing import split
from rules.said import Said, noted, said
from rules.survey import CATEGORIES, DEPARTMENTS, Survey
from rules.tables import Row
from rules.tenure import Person, heir

CATALOGUE, KEYWORDS = "catalogue.csv", "keywords.csv"
DAY = timedelta(days=1)
_ENDS_FIRST = noted("the %(what)s ends on %(ends)s, before it begins on %(begins)s")
_NO_SUCCESSOR = noted(
    "'%(cell)s' ends on %(ends)s without a successor; name one (merged_into), or end the row that day"
)


def dates(survey: Survey) -> Iterator[Fault]:
    """What is wrong with the days of departments, people and matters, and of the rows that name them."""
    if survey.sound(DEPARTMENTS):
        told = {(f.line, f.cell): f for f in reversed([*_departments(survey)])}  # a unit of ten districts is one line
        yield from reversed(told.values())
        yield from _owners(survey)
    if survey.sound(CATEGORIES):
        for node in survey.book.categories.values():
            for cell, message in _category(survey, node):
                yield Fault(CATEGORIES, 0, f"categories.{node.code.replace(SEPARATOR, '.below.')}.{cell}", message)
        yield from _matters(survey)


def _departments(survey: Survey) -> Iterator[Fault]:
    for department in survey.book.departments.values():
        for cell, message in _department(survey, department):
            yield Fault(DEPARTMENTS, _line(survey, department), cell, message)


def _department(survey: Survey, department: Department) -> Iterator[tuple[str, Said]]:
    yield from _days(noted("department"), survey.book.departments, department)
    if department.valid_until and department.office:
        needed = noted("it is the office '%(office)s', which is needed every day; give the office to another one")
        yield "valid_until", said(needed, office=department.office)
    for role, people in (("handler", department.handlers), ("head", department.heads)):
        yield from ((role, message) for message in _terms(people))


def _days(what: str, records: Mapping[str, Any], record: Any) -> Iterator[tuple[str, Said]]:
    """What is wrong with the days of one record: cell and message."""
    until, into = record.valid_until, record.merged_into
    if until and until < (record.valid_from or date.min):
        yield "valid_until", said(_ENDS_FIRST, what=said(what), ends=until, begins=record.valid_from)
    elif into and into not in records:
        yield "merged_into", said("there is no %(what)s '%(code)s'; name one that is there", what=said(what), code=into)
    elif into and not until:
        when = noted("it is merged into '%(code)s', but when? Add valid_until, its own last day")
        yield "merged_into", said(when, code=into)
    elif into and until and heir(records, into, until + DAY) is None:
        nobody = noted("from %(day)s on nobody stands for it: '%(code)s' is not there on that day either")
        yield "merged_into", said(nobody, day=until + DAY, code=into)


def _terms(people: Sequence[Person]) -> Iterator[Said]:
    """Somebody is in office on every day, and nobody beside them."""
    for one, following in pairwise(people):
        ends, begins = one.valid_until, following.valid_from
        known = {"one": one.name, "other": following.name, "ends": ends, "begins": begins}
        if not ends or not begins:
            yield said("%(one)s needs a last day (valid_until) and %(other)s a first one (valid_from)", **known)
        elif ends >= begins:
            yield said("%(one)s and %(other)s are both in office on %(begins)s", **known)
        elif ends + DAY < begins:
            yield said("nobody is in office between %(one)s (%(ends)s) and %(other)s (%(begins)s)", **known)
    if people and (ends := people[-1].valid_until):
        yield said("nobody is in office after %(one)s (%(ends)s); name who follows", one=people[-1].name, ends=ends)


def _line(survey: Survey, department: Department) -> int:
    """Where a department is written: by its own code, or as the unit or street of a district."""
    within = department.code.removeprefix(f"{department.district}-")
    found = (survey.line(DEPARTMENTS, f"{key}: {code},") for key, code in (("code", within), ("unit", within)))
    return next(filter(None, found), 0)


def _category(survey: Survey, node: Category) -> Iterator[tuple[str, Said]]:
    """Days that a matter has from the one above it are told there."""
    above = survey.book.categories.get(node.parent or "")
    own = (node.valid_from, node.valid_until, node.merged_into)
    if above is None or own != (above.valid_from, above.valid_until, above.merged_into):
        yield from _days(noted("category"), survey.book.categories, node)


def _owners(survey: Survey) -> Iterator[Fault]:
    """Rows of the catalogue that name a department on days on which it is not there."""
    for row in survey.rows("catalogue"):
        for column in ("lead", "partners"):
            for cell in split(row.cells[column]):
                named = [d for code in _codes(survey, cell) if (d := survey.book.departments.get(code))]
                for message in dict.fromkeys(m for d in named for m in _absent(row, cell, d)):
                    yield Fault(CATALOGUE, row.line, column, message)


def _codes(survey: Survey, cell: str) -> list[str]:
    unit = cell.removesuffix(BY_PLACE)
    return [cell] if unit == cell else [f"{district}-{unit}" for district in survey.book.districts]


def _matters(survey: Survey) -> Iterator[Fault]:
    for row in survey.rows("keywords"):
        if node := survey.book.categories.get(row.cells["category"]):
            for message in _absent(row, node.code, node):
                yield Fault(KEYWORDS, row.line, "category", message)


def _absent(row: Row, cell: str, record: Any) -> Iterator[Said]:
    """A row counts only while what its cell names is there, or has a successor."""
    first, last = row.valid
    begins, ends = record.valid_from or date.min, record.valid_until or date.max
    if ends < begins:
        return  # that is a fault of the record
    if begins.toordinal() > first:
        yield said("'%(cell)s' begins on %(begins)s; give the row valid_from %(begins)s", cell=cell, begins=begins)
    if ends.toordinal() < last and not record.merged_into:
        yield said(_NO_SUCCESSOR, cell=cell, ends=ends)

"""A rulebook is checked as a whole before it can be used: nothing is ownerless, nothing leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rules.actions import BY_KIND
from rules.calendar import Span
from rules.faults import Fault
from rules.process import Process, Stage
from rules.routing import BY_PLACE, backstop, split
from rules.tables import Row

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

OFFICES = ("desk", "supervision", "leading_group", "accountability")
PERSONS = ("handler", "head")


def check(book: Rulebook) -> Iterator[Fault]:
    """Every fault that only shows when the parts are seen together."""
    yield from _offices(book)
    yield from _catalogue(book)
    yield from _spans(book)
    yield from _ladder(book)
    yield from _keywords(book)
    for process in book.processes.values():
        yield from _process(process)


def _offices(book: Rulebook) -> Iterator[Fault]:
    have = {d.office for d in book.departments.values()}
    for office in OFFICES:
        if office not in have:
            yield Fault("departments.yaml", 0, "office", f"no department has 'office: {office}'; the process needs one")


def _catalogue(book: Rulebook) -> Iterator[Fault]:
    table = book.tables["catalogue"]
    for row in table.rows:
        for name in ("lead", "partners"):
            for cell in split(row.cells.get(name, "")):
                yield from _owner(book, row, name, cell)
        for code in split(row.cells.get("category/", "")):
            if code not in book.categories:
                yield Fault("catalogue.csv", row.line, "category/", _unknown("category", code, book.categories))
    if not any(backstop(row) and BY_PLACE not in row.cells["lead"] for row in table.rows):
        message = "the last row has to be a backstop: blank category and district, and a lead that needs no place"
        yield Fault("catalogue.csv", table.rows[-1].line, "lead", message)


def _owner(book: Rulebook, row: Row, name: str, cell: str) -> Iterator[Fault]:
    if not cell.endswith(BY_PLACE):
        if cell not in book.departments:
            yield Fault("catalogue.csv", row.line, name, _unknown("department", cell, book.departments))
        return
    unit = cell.removesuffix(BY_PLACE)
    for district in book.districts:
        if f"{district}-{unit}" not in book.departments:
            yield Fault("catalogue.csv", row.line, name, f"'{district}' has no '{unit}'; add it to district_units")


def _unknown(what: str, code: str, known: object) -> str:
    near = get_close_matches(code, list(known), 3)  # type: ignore[call-overload]  # any mapping of codes
    return f"unknown {what} '{code}'" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _spans(book: Rulebook) -> Iterator[Fault]:
    for table, column in (("deadlines", "span"), ("ladder", "offset")):
        for row in book.tables[table].rows:
            cell = row.cells[column]
            try:
                if cell not in ("", "none"):
                    Span.parse(cell)
            except ValueError as wrong:
                yield Fault(f"{table}.csv", row.line, column, str(wrong))


def _ladder(book: Rulebook) -> Iterator[Fault]:
    for row in book.tables["ladder"].rows:
        if not row.cells["letter"]:
            continue
        to = split(row.cells["to"])
        if not to:
            yield Fault("ladder.csv", row.line, "to", "a rung has to reach a person or an office")
        for one in to:
            if one not in PERSONS and one not in OFFICES:
                yield Fault("ladder.csv", row.line, "to", _unknown("recipient", one, [*PERSONS, *OFFICES]))


def _keywords(book: Rulebook) -> Iterator[Fault]:
    for row in book.tables["keywords"].rows:
        code = row.cells["category"]
        if code and code not in book.categories:
            yield Fault("keywords.csv", row.line, "category", _unknown("category", code, book.categories))


def _process(process: Process) -> Iterator[Fault]:
    file = f"process/{process.name}.yaml"
    for stage in process.stages.values():
        known = BY_KIND[stage.kind]
        for party, names in stage.actions.items():
            for name in names:
                where = f"stages.{stage.name}.actions.{party}"
                if name not in known:
                    yield Fault(file, 0, where, _unknown("action", name, known))
                else:
                    yield from _outcomes(stage, name, where, file)


def _outcomes(stage: Stage, name: str, where: str, file: str) -> Iterator[Fault]:
    for outcome in BY_KIND[stage.kind][name].outcomes:
        if outcome not in stage.outcomes:
            yield Fault(file, 0, where, f"'{name}' may end with '{outcome}', which leads nowhere; add it to outcomes")

"""敷衍塞责、推诿扯皮……严肃追究责任: of every missed deadline somebody hears, and every rung reaches a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from rules.case import Urgency
from rules.check_cells import NONE, meant_for, specs, suspects, unused
from rules.check_deadlines import DEADLINES, ORDINARY, length_of
from rules.check_owners import OFFICES
from rules.faults import Fault, unknown
from rules.reading import PROCESSES
from rules.routing import split
from rules.said import noted, said
from rules.survey import Survey, moments, span_fault, span_of
from rules.tables import Row, Table

LADDER = "ladder.csv"
_UNHEARD = noted(
    "nobody hears that the clock '%(clock)s' ran out (%(urgencies)s); add a row, or one with rung %(none)s"
)
PERSONS = ("handler", "head")
RECIPIENTS = (*PERSONS, *OFFICES)


def ladder(survey: Survey) -> Iterator[Fault]:
    """Rungs that reach nobody or come at no time, clocks that run out in silence, and rows nobody uses."""
    for row in survey.rows("ladder"):
        if row.cells["rung"] != NONE:
            yield from _rung(row)
    table, times = survey.table("ladder"), survey.table("deadlines")
    if table is not None and times is not None and survey.sound(LADDER, DEADLINES, PROCESSES):
        yield from _silence(survey, table, times)


def _rung(row: Row) -> Iterator[Fault]:
    for name in ("rung", "to", "letter"):
        if not row.cells[name]:
            yield Fault(LADDER, row.line, name, said("is empty; a rung needs a name, a letter and somebody it reaches"))
    if message := span_fault(row.cells["offset"]):
        message = said("%(fault)s; before the due moment it begins with a minus", fault=message)
        yield Fault(LADDER, row.line, "offset", message)
    for one in split(row.cells["to"]):
        if one not in RECIPIENTS:
            yield Fault(LADDER, row.line, "to", unknown(noted("recipient"), one, RECIPIENTS))


def _silence(survey: Survey, table: Table, times: Table) -> Iterator[Fault]:
    doubted = suspects(survey, table)
    used: list[Row] = [*doubted]
    silent: dict[str, list[str]] = {}
    misplaced: dict[int, tuple[int, str]] = {}
    for process in survey.processes():
        for (name, spec), urgency, at in product(specs(process), Urgency, moments(table)):
            facts = {"process": process.name, "clock": name, "urgency": urgency}
            rows = table.match(at, **facts)
            used += _reached(survey, rows, times.first(at, **facts))
            misplaced |= {
                row.line: (rows[0].line, name) for row in rows[1:] if NONE == row.cells["rung"] != rows[0].cells["rung"]
            }
            if not rows and not spec.on_due and not any(meant_for(row, name) for row in doubted):
                silent.setdefault(name, []).append(urgency)
    for name, urgencies in silent.items():
        several = ", ".join(dict.fromkeys(urgencies))
        message = said(_UNHEARD, clock=name, urgencies=several, none=NONE)
        yield Fault(LADDER, table.rows[-1].line if table.rows else 0, "clock", message)
    for line, (above, clock) in misplaced.items():
        below = noted("rung %(none)s stands below line %(line)s, which is for '%(clock)s' too; move it above")
        message = said(below, none=NONE, line=above, clock=clock)
        yield Fault(LADDER, line, "rung", message)
    yield from unused(survey, table, used)


def _reached(survey: Survey, rows: Sequence[Row], deadline: Row | None) -> list[Row]:
    """Of each rung the first row; a warning that would come before its clock has begun is none."""
    if rows and rows[0].cells["rung"] == NONE:
        return [rows[0]]
    first = {row.cells["rung"]: row for row in reversed(rows)}.values()
    length, add = length_of(survey, deadline), survey.book.calendar.add
    offsets = [(row, span_of(row.cells["offset"])) for row in first]
    return [row for row, span in offsets if not (length and span) or add(ORDINARY + length, span) > ORDINARY]

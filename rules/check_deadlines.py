"""限时反馈: every clock has a deadline for every urgency, and none is longer than the whole case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

from rules.calendar import Span
from rules.case import Role, Urgency
from rules.cells import words_of
from rules.check_cells import LIMITS, NONE, meant_for, specs, suspects, unused
from rules.draft import WHOLE_CASE
from rules.faults import Fault
from rules.process import Process
from rules.reading import PROCESSES
from rules.said import Said, noted, said
from rules.survey import Survey, moments, span_fault, span_of
from rules.tables import Row, Table

DEADLINES = "deadlines.csv"
EXTENSION = "extension"
_NEVER = noted("an extension of %(span)s that is given 0 times is none; write how often, or %(none)s as its span")
_NO_ROW = noted(
    "the %(what)s '%(clock)s' has no row for %(urgencies)s%(since)s; add one here with a span, or with %(none)s"
)
_TOO_LONG = noted(
    "'%(clock)s' may run %(span)s, longer than the whole %(urgency)s case: %(most)s in line %(line)s; "
    "shorten this one or lengthen that one"
)
ORDINARY = datetime(2024, 3, 11, 1, 0, tzinfo=UTC)
"""A Monday morning far from any holiday: by it lengths of time in different units are compared."""


def deadlines(survey: Survey) -> Iterator[Fault]:
    """Cells that are no length of time, gaps, rows nobody uses, and clocks that run longer than the whole case."""
    for row in survey.rows("deadlines"):
        yield from _span(row)
        yield from _times(row)
    table = survey.table("deadlines")
    if table is not None and table.rows and survey.sound(DEADLINES, PROCESSES):
        yield from _gaps(survey, table)
        for process in survey.processes():
            yield from _too_long(survey, table, process)


def length_of(survey: Survey, row: Row | None) -> timedelta | None:
    """How long a deadline is in an ordinary week; ``None`` where there is none."""
    span = span_of(row.cells["span"]) if row else None
    return survey.book.calendar.add(ORDINARY, span) - ORDINARY if span else None


def _span(row: Row) -> Iterator[Fault]:
    span = row.cells["span"]
    message = None if span == NONE else span_fault(span)
    if message is None and span != NONE and Span.parse(span).amount <= 0:
        message = said("'%(span)s' is no time at all; write a longer one, or %(none)s", span=span, none=NONE)
    if message:
        yield Fault(DEADLINES, row.line, "span", message)


def _times(row: Row) -> Iterator[Fault]:
    span, times = row.cells["span"], row.cells["times"]
    if EXTENSION not in (words_of(row.cells["clock"]) or ()):
        if times and row.cells["clock"]:
            message = said("only '%(clock)s' is counted; leave it blank here", clock=EXTENSION)
            yield Fault(DEADLINES, row.line, "times", message)
    elif span != NONE and times in ("", "0"):
        message = said(_NEVER, span=span, none=NONE)
        yield Fault(DEADLINES, row.line, "times", message)


def _gaps(survey: Survey, table: Table) -> Iterator[Fault]:
    doubted = suspects(survey, table)
    used: list[Row] = [table.rows[-1], *doubted]
    for process in survey.processes():
        clocks = dict.fromkeys([*(name for name, _ in specs(process)), *_limits(process)])
        for clock, at in product(clocks, moments(table)):
            found = {u: table.first(at, process=process.name, clock=clock, urgency=u) for u in Urgency}
            used += [row for row in found.values() if row]
            without = [str(urgency) for urgency, row in found.items() if row in (None, table.rows[-1])]
            if without and not any(meant_for(row, clock) for row in doubted):
                yield Fault(DEADLINES, _beside(table, clock), "clock", _nothing_said(clock, without, at))
    yield from unused(survey, table, used)


def _beside(table: Table, clock: str) -> int:
    """The line where a clerk would add a row: that of the last row for the same clock, else of the default."""
    lines = [row.line for row in table.rows if clock in (words_of(row.cells["clock"]) or ())]
    return lines[-1] if lines else table.rows[-1].line


def _nothing_said(clock: str, urgencies: Sequence[str], at: datetime | None) -> Said:
    what = said("limit") if clock in LIMITS else said("clock")
    since = said(" on %(day)s", day=at.date()) if at else ""
    return said(_NO_ROW, what=what, clock=clock, urgencies=", ".join(urgencies), since=since, none=NONE)


def _limits(process: Process) -> list[str]:
    offered = {name for stage in process.stages.values() for names in stage.actions.values() for name in names}
    return [limit for limit, action in LIMITS.items() if action in offered]


def _too_long(survey: Survey, table: Table, process: Process) -> Iterator[Fault]:
    """The citizen's own time is left out: nobody is late in it."""
    for at, urgency in product(moments(table), Urgency):
        whole = table.first(at, process=process.name, clock=WHOLE_CASE, urgency=urgency)
        most = length_of(survey, whole)
        for name, spec in specs(process):
            row = table.first(at, process=process.name, clock=name, urgency=urgency)
            length = length_of(survey, row)
            if whole and row and most and length and length > most and spec.holder != Role.CITIZEN:
                most_, line = whole.cells["span"], whole.line
                told = {"clock": name, "span": row.cells["span"], "urgency": urgency, "most": most_, "line": line}
                message = said(_TOO_LONG, **told)
                yield Fault(DEADLINES, row.line, "span", message)

"""A rulebook is checked as a whole before it can be used: nothing is ownerless, nothing leads nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rules.actions import BY_KIND
from rules.calendar import Span
from rules.case import Answer, Urgency
from rules.cells import words_of
from rules.faults import Fault
from rules.process import ClockSpec, Process, Stage
from rules.routing import BY_PLACE, backstop, split
from rules.tables import Row

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

OFFICES = ("desk", "supervision", "leading_group", "accountability")
PERSONS = ("handler", "head")
SOLVED = ("yes", "partly", "no")
VERDICTS = ("accepted", "redo")
LIMITS = ("return", "extension")
"""Deadlines that limit an action and never run as a clock."""
NONE = "none"


def check(book: Rulebook, broken: Set[str] = frozenset()) -> Iterator[Fault]:
    """Every fault that only shows when the parts are seen together.

    ``broken``: files with faults of their own; what depends on them cannot be judged yet.
    """
    for look, needs in _LOOKS:
        if not any(file.startswith(needs) for file in broken):
            yield from look(book)
    for column, (needs, words) in _VOCABULARY.items():
        if not any(file.startswith(needs) for file in broken):
            yield from _inputs(book, column, list(words(book)))


def _rows(book: Rulebook, table: str) -> Sequence[Row]:
    """The rows of a table; none of one that could not be read."""
    return book.tables[table].rows if table in book.tables else ()


def _offices(book: Rulebook) -> Iterator[Fault]:
    have = Counter(d.office for d in book.departments.values() if d.office)
    for office in OFFICES:
        if have[office] != 1:
            message = f"{have[office]} departments have 'office: {office}'; the process needs exactly one"
            yield Fault("departments.yaml", 0, "office", message)
    for office in have:
        if office not in OFFICES:
            yield Fault("departments.yaml", 0, "office", _unknown("office", office, OFFICES))


def _inputs(book: Rulebook, column: str, known: Sequence[str]) -> Iterator[Fault]:
    """A misspelt word in an input cell would never match, and nobody would notice."""
    for name, table in book.tables.items():
        if column in table.outputs:
            continue
        for row in table.rows:
            for word in words_of(row.cells.get(column, "")) or ():
                if word not in known:
                    yield Fault(f"{name}.csv", row.line, column, _unknown(column.rstrip("/"), word, known))


def _clock_names(book: Rulebook) -> set[str]:
    """Clocks of every process, and what only limits an action."""
    return {name for process in book.processes.values() for name, _ in _specs(process)} | {*LIMITS}


def _specs(process: Process) -> Iterator[tuple[str, ClockSpec]]:
    yield from process.clocks.items()
    for stage in process.stages.values():
        yield from stage.clocks.items()


def _catalogue(book: Rulebook) -> Iterator[Fault]:
    rows = _rows(book, "catalogue")
    for row in rows:
        if not row.cells["lead"]:
            yield Fault("catalogue.csv", row.line, "lead", "a row has to name a lead department")
        for name in ("lead", "partners"):
            for cell in split(row.cells[name]):
                yield from _owner(book, row, name, cell)
    if rows and (not backstop(rows[-1]) or BY_PLACE in rows[-1].cells["lead"]):
        message = "the last row has to be a backstop: blank category and district, and a lead that needs no place"
        yield Fault("catalogue.csv", rows[-1].line, "lead", message)


def _owner(book: Rulebook, row: Row, name: str, cell: str) -> Iterator[Fault]:
    if not cell.endswith(BY_PLACE):
        if cell not in book.departments:
            yield Fault("catalogue.csv", row.line, name, _unknown("department", cell, book.departments))
        return
    unit = cell.removesuffix(BY_PLACE)
    for district in book.districts:
        if f"{district}-{unit}" not in book.departments:
            message = f"district '{district}' has no '{unit}'; add it to district_units in departments.yaml"
            yield Fault("catalogue.csv", row.line, name, message)


def _outputs(book: Rulebook) -> Iterator[Fault]:
    """What the rules do with an output has to be possible."""
    yield from _each(book, "deadlines", "span", lambda cell: None if cell == NONE else _span_fault(cell))
    yield from _each(book, "deadlines", "times", lambda cell: _number_fault(cell) if cell else None)
    yield from _each(book, "urgency", "urgency", lambda cell: _word_fault("urgency", cell, list(Urgency)))
    yield from _each(book, "callback", "verdict", lambda cell: _word_fault("verdict", cell, VERDICTS))


def _keywords(book: Rulebook) -> Iterator[Fault]:
    known = book.categories
    yield from _each(book, "keywords", "category", lambda cell: cell and _word_fault("category", cell, known))


def _each(book: Rulebook, table: str, column: str, fault: Callable[[str], str | None]) -> Iterator[Fault]:
    for row in _rows(book, table):
        if message := fault(row.cells[column]):
            yield Fault(f"{table}.csv", row.line, column, message)


def _span_fault(cell: str) -> str | None:
    try:
        Span.parse(cell)
    except ValueError as wrong:
        return str(wrong)
    return None


def _number_fault(cell: str) -> str | None:
    return None if cell.isascii() and cell.isdigit() else f"'{cell}' is not a whole number"


def _word_fault(what: str, cell: str, known: Iterable[str]) -> str | None:
    return None if cell in known else _unknown(what, cell, known)


def _unknown(what: str, code: str, known: Iterable[str]) -> str:
    choices = [str(one) for one in known]
    near = get_close_matches(code, choices, 3) or (choices if len(choices) < 10 else [])
    return f"unknown {what} '{code}'" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _ladder(book: Rulebook) -> Iterator[Fault]:
    for row in _rows(book, "ladder"):
        cells = row.cells
        if cells["rung"] == NONE:
            continue
        for name in ("rung", "to", "letter"):
            if not cells[name]:
                yield Fault("ladder.csv", row.line, name, "a rung needs a name, a letter and somebody it reaches")
        if message := _span_fault(cells["offset"]):
            yield Fault("ladder.csv", row.line, "offset", message)
        for one in split(cells["to"]):
            if one not in (*PERSONS, *OFFICES):
                yield Fault("ladder.csv", row.line, "to", _unknown("recipient", one, (*PERSONS, *OFFICES)))


def _clocks(book: Rulebook) -> Iterator[Fault]:
    """A clock without a deadline would never start, and one without a ladder would be missed in silence."""
    for process in book.processes.values():
        for name, spec in dict(_specs(process)).items():
            for urgency in Urgency:
                yield from _clock(book, process.name, name, urgency, silent=bool(spec.on_due))


def _clock(book: Rulebook, process: str, name: str, urgency: str, *, silent: bool) -> Iterator[Fault]:
    deadlines, ladder = book.tables["deadlines"], book.tables["ladder"]
    if deadlines.first(process=process, clock=name, urgency=urgency) in (None, deadlines.rows[-1]):
        message = f"the {urgency} clock '{name}' of '{process}' has no row; write a span, or {NONE}"
        yield Fault("deadlines.csv", 0, "clock", message)
    if not silent and not ladder.match(clock=name, urgency=urgency):
        message = f"nobody hears that the {urgency} clock '{name}' ran out; add a row, or one with rung {NONE}"
        yield Fault("ladder.csv", 0, "clock", message)


def _processes(book: Rulebook) -> Iterator[Fault]:
    for process in book.processes.values():
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


_DEPARTMENTS, _DISTRICTS, _CATEGORIES, _PROCESSES = "departments.yaml", "districts.yaml", "categories.yaml", "process/"

_LOOKS: tuple[tuple[Callable[[Rulebook], Iterator[Fault]], tuple[str, ...]], ...] = (
    (_offices, (_DEPARTMENTS,)),
    (_catalogue, (_DEPARTMENTS, _DISTRICTS)),
    (_keywords, (_CATEGORIES,)),
    (_outputs, ()),
    (_ladder, ()),
    (_processes, (_PROCESSES,)),
    (_clocks, (_PROCESSES, "deadlines.csv", "ladder.csv")),
)
"""What to look at -> the files that have to be whole for it."""

_VOCABULARY: Mapping[str, tuple[tuple[str, ...], Callable[[Rulebook], Iterable[str]]]] = {
    "process": ((_PROCESSES,), lambda book: book.processes),
    "clock": ((_PROCESSES,), _clock_names),
    "district": ((_DISTRICTS,), lambda book: book.districts),
    "category/": ((_CATEGORIES,), lambda book: book.categories),
    "urgency": ((), lambda _: list(Urgency)),
    "answer": ((), lambda _: list(Answer)),
    "solved": ((), lambda _: SOLVED),
}
"""Input column -> the files that have to be whole, and the words that may stand in its cells."""

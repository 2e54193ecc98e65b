"""A table is something a clerk can edit: a misspelt word in a cell would never match, and nobody would notice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING

from rules.case import TYPES, Answer, Urgency
from rules.cells import words_of
from rules.check_process import action_names, outcome_names, stage_names
from rules.faults import Fault, like, unknown
from rules.feedback import SOLVED
from rules.process import ClockSpec, Process
from rules.reading import PROCESSES
from rules.said import Said, noted, said
from rules.survey import CATEGORIES, DEPARTMENTS, DISTRICTS, Survey
from rules.tables import Row, Table

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

VERDICTS = ("accepted", "redo")
LIMITS = {"return": "return", "extension": "extend"}
"""Deadlines that limit an action and never run as a clock -> the action."""
NONE = "none"
HEADER = 1
"""The line that names the columns."""
SATISFIED = range(1, 6)


def cells(survey: Survey) -> Iterator[Fault]:
    """Words that nobody knows, in inputs and in outputs, and rows of which no complaint ever makes use."""
    for table in survey.book.tables.values():
        yield from _of_table(survey, table)
    for name, column, fault in _OUTPUTS:
        for row in survey.rows(name):
            if message := fault(survey, row.cells[column]):
                yield Fault(f"{name}.csv", row.line, column, message)
    yield from _callback(survey)
    yield from _channels(survey)


def _channels(survey: Survey) -> Iterator[Fault]:
    """Of two rows for one channel nobody could say which name counts."""
    seen: dict[str, int] = {}
    for row in survey.rows("channels"):
        if (line := seen.setdefault(row.cells["channel"], row.line)) != row.line:
            channel = row.cells["channel"]
            message = said("'%(channel)s' is named in line %(line)s already; take one out", channel=channel, line=line)
            yield Fault("channels.csv", row.line, "channel", message)


def _of_table(survey: Survey, table: Table) -> Iterator[Fault]:
    for column in table.columns:
        if vocabulary := VOCABULARY.get(column.name):
            found = [*_inputs(survey, f"{table.name}.csv", table, column.name, vocabulary)]
            other = _looks_like(survey, table, column.name) if len(found) > 1 else ""
            message = said("its cells look like those of '%(other)s'; were two columns swapped?", other=other)
            yield from [Fault(f"{table.name}.csv", HEADER, column.name, message)] if other else found


def specs(process: Process) -> Iterator[tuple[str, ClockSpec]]:
    """Every clock of a process by name, those of the whole case first."""
    yield from process.clocks.items()
    for stage in process.stages.values():
        yield from stage.clocks.items()


def clock_names(book: Rulebook) -> Collection[str]:
    """Clocks of every process, and what only limits an action."""
    return dict.fromkeys([*(name for process in book.processes.values() for name, _ in specs(process)), *LIMITS])


def _looks_like(survey: Survey, table: Table, name: str) -> str:
    """The column of the same table whose words stand in this one; empty when some words are its own."""
    words = {word for row in table.rows for word in words_of(row.cells[name]) or ()}
    if words.intersection(VOCABULARY[name][1](survey.book)):
        return ""
    others = [column.name for column in table.columns if column.name in VOCABULARY and column.name != name]
    return next((other for other in others if words <= {*VOCABULARY[other][1](survey.book)}), "")


Vocabulary = tuple[tuple[str, ...], Callable[["Rulebook"], Collection[str]]]
VOCABULARY: Mapping[str, Vocabulary] = {
    "process": ((PROCESSES,), lambda book: book.processes),
    "clock": ((PROCESSES,), clock_names),
    "district": ((DISTRICTS,), lambda book: book.districts),
    "category/": ((CATEGORIES,), lambda book: book.categories),
    "stage": ((PROCESSES,), stage_names),
    "action": ((), action_names),
    "outcome": ((PROCESSES,), outcome_names),
    "lead": ((DEPARTMENTS,), lambda book: book.departments),
    "channel": (("channels.csv",), lambda book: book.channels() if "channels" in book.tables else ()),
    "type": ((), lambda _: TYPES),
    "urgency": ((), lambda _: list(Urgency)),
    "answer": ((), lambda _: list(Answer)),
    "solved": ((), lambda _: SOLVED),
}
"""Input column -> the files that say which words may stand in its cells, and the words."""


def _inputs(survey: Survey, file: str, table: Table, column: str, vocabulary: Vocabulary) -> Iterator[Fault]:
    files, words = vocabulary
    known = words(survey.book)
    for row in table.rows:
        for word in words_of(row.cells[column]) or ():
            if message := survey.unknown(column.rstrip("/"), word, known, *files):
                yield Fault(file, row.line, column, message)


def _word(what: str, known: Iterable[str]) -> Callable[[Survey, str], Said | None]:
    choices = [*map(str, known)]

    def fault(_survey: Survey, cell: str) -> Said | None:
        if not cell:
            return said("is empty; write one of: %(words)s", words=", ".join(choices))
        return None if cell in choices else unknown(what, cell, choices)

    return fault


def _category(survey: Survey, cell: str) -> Said | None:
    return survey.unknown(noted("category"), cell, survey.book.categories, CATEGORIES) if cell else None


def _process(survey: Survey, cell: str) -> Said | None:
    known = survey.has(f"{PROCESSES}{cell}.yaml")
    return None if known else survey.unknown(noted("process"), cell, survey.book.processes, PROCESSES)


def _times(_survey: Survey, cell: str) -> Said | None:
    if not cell or (cell.isascii() and cell.isdigit()):
        return None
    return said("'%(cell)s' is not a whole number, such as 1", cell=cell)


def _label(_survey: Survey, cell: str) -> Said | None:
    return None if cell else said("is empty; a channel needs a name in each language")


_OUTPUTS: tuple[tuple[str, str, Callable[[Survey, str], Said | None]], ...] = (
    ("urgency", "urgency", _word(noted("urgency"), Urgency)),
    ("callback", "verdict", _word(noted("verdict"), VERDICTS)),
    ("keywords", "category", _category),
    ("deadlines", "times", _times),
    ("processes", "process", _process),
    ("channels", "zh", _label),
    ("channels", "en", _label),
)
"""Table, output column, and what can be wrong with its cell alone."""


def _callback(survey: Survey) -> Iterator[Fault]:
    """Rows of the callback table that no answer of a citizen ever reaches."""
    table = survey.table("callback")
    if table is None or not survey.sound("callback.csv"):
        return
    facts = [{"answer": a, "solved": s, "satisfied": n} for a, s, n in product(Answer, SOLVED, SATISFIED)]
    yield from unused(survey, table, (row for known in facts for row in table.match(**known)))


def unused(survey: Survey, table: Table, used: Iterable[Row]) -> Iterator[Fault]:
    """Rows besides the default that decide nothing, whatever happens."""
    seen = {row.line for row in used} | survey.faulty(f"{table.name}.csv")
    for row in table.rows:
        given = {column.name: row.cells[column.name] for column in table.columns if row.cells[column.name]}
        if row.line not in seen and given:
            asked = ", ".join(f"{name} '{cell}'" for name, cell in given.items())
            idle = noted("decides nothing: the rows above take everything, or nothing ever has %(cells)s")
            yield Fault(f"{table.name}.csv", row.line, "", said(idle, cells=asked))


def suspects(survey: Survey, table: Table) -> list[Row]:
    """Rows with an unknown word in an input: nobody can say what they were meant for."""
    lines = {fault.line for fault in _of_table(survey, table)}
    return [row for row in table.rows if row.line in lines or HEADER in lines]


def meant_for(row: Row, clock: str) -> bool:
    """Whether a row with a misspelt word may have been about ``clock``."""
    words = words_of(row.cells["clock"])
    return not words or clock in words or bool(like(clock, words))

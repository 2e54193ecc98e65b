"""A rulebook is checked as a whole before it can be used: nothing is ownerless, nothing leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rules.check_cells import cells
from rules.check_clauses import clauses
from rules.check_dates import dates
from rules.check_deadlines import deadlines
from rules.check_ladder import ladder
from rules.check_owners import owners
from rules.check_process import processes
from rules.check_stages import stages
from rules.faults import Fault, line_of
from rules.reading import Reading
from rules.said import said
from rules.survey import Survey

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

LOOKS: tuple[Callable[[Survey], Iterable[Fault]], ...] = (
    owners, dates, stages, processes, cells, deadlines, ladder, clauses,
)  # fmt: skip


def check(book: Rulebook, reading: Reading) -> list[Fault]:
    """Every fault of a rulebook, in the order of its files and lines, each cause told once."""
    survey = Survey(book, reading)
    found = [*reading.faults, *reading.strangers(), *(fault for look in LOOKS for fault in look(survey))]
    located = [_located(fault, reading) for fault in found]
    return sorted(_gathered(located), key=lambda fault: (fault.file, fault.line))


def _located(fault: Fault, reading: Reading) -> Fault:
    """A fault that knows its place in a description only as a path gets its line."""
    text, path = reading.files.get(fault.file, ""), fault.cell.split(".")
    if fault.line or not re.search(rf"^{re.escape(path[0])} *:", text, re.MULTILINE):
        return fault
    return replace(fault, line=line_of(text, tuple(path)))


def _gathered(faults: Iterable[Fault]) -> Iterator[Fault]:
    """The same thing wrong in many lines has one cause: it is told at the first, which names the others."""
    alike: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in dict.fromkeys(faults):
        column = fault.cell if fault.file.endswith(".csv") else fault.cell.rpartition(".")[2]
        alike.setdefault((fault.file, column, fault.message), []).append(fault)
    for first, *others in (sorted(several, key=lambda fault: fault.line) for several in alike.values()):
        lines = ", ".join(str(other.line) for other in others)
        all_ = said("%(message)s (also in line %(lines)s)", message=first.message, lines=lines)
        yield replace(first, message=all_) if others else first

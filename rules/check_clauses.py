"""Every row serves a sentence of the policy: who quotes what, and which sentence nobody serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules.clauses import CLAUSES
from rules.faults import Fault, like
from rules.said import Said, noted, said
from rules.survey import Survey, file_of
from rules.tables import CLAUSE

Quote = tuple[str, int, str, str]
"""File, line (0: not looked up), column or path, and the words quoted."""


def clauses(survey: Survey) -> Iterator[Fault]:
    """Rows that quote nothing or what the policy does not say, and sentences that nobody quotes."""
    policy = [words["zh"] for words in survey.clauses.values()]
    if not policy:
        return
    quotes = [*_of_tables(survey), *_of_processes(survey)]
    for file, line, cell, quote in quotes:
        if not quote:
            yield Fault(file, line, cell, said("is empty; quote the sentence of the policy that this row serves"))
        elif survey.sound(CLAUSES) and not any(quote in sentence for sentence in policy):
            cure = _alike(quote, policy)
            yield Fault(file, line, cell, said("the policy does not say '%(quote)s'; %(cure)s", quote=quote, cure=cure))
    if survey.complete():
        for name, words in survey.clauses.items():
            if not any(quote and quote in words["zh"] for *_, quote in quotes):
                unserved = noted("nobody serves this clause: '%(clause)s'; quote it where it is carried out")
                yield Fault(CLAUSES, 0, f"clauses.{name}", said(unserved, clause=words["zh"]))


def _alike(quote: str, policy: Sequence[str]) -> Said:
    pieces = [piece for sentence in policy for piece in (sentence, *sentence.split("、"))]
    if near := like(quote, pieces):
        return said("did you mean %(near)s?", near=near)
    return said("quote words of a sentence in %(file)s", file=CLAUSES)


def _of_tables(survey: Survey) -> Iterator[Quote]:
    for name, table in survey.book.tables.items():
        for row in table.rows:
            if CLAUSE in row.cells:
                yield f"{name}.csv", row.line, CLAUSE, row.clause


def _of_processes(survey: Survey) -> Iterator[Quote]:
    for process in survey.book.processes.values():
        file = file_of(process)
        for name, clock in process.clocks.items():
            if clock.clause:
                yield file, 0, f"clocks.{name}.clause", clock.clause
        for name, reason in process.pauses.items():
            if reason.clause:
                yield file, 0, f"pauses.{name}.clause", reason.clause
        for stage in process.stages.values():
            yield file, 0, f"stages.{stage.name}.clause", stage.clause
            for name, clock in stage.clocks.items():
                if clock.clause:
                    yield file, 0, f"stages.{stage.name}.clocks.{name}.clause", clock.clause

"""限时反馈: which deadline becomes shorter or longer, whom a missed one reaches, and which rows of tables differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from difflib import SequenceMatcher
from itertools import product
from typing import Any

from rules.case import Urgency
from rules.diff import Change, change
from rules.process import Process
from rules.rulebook import NO_LADDER, Rulebook
from rules.tables import ID, VALID_FROM, VALID_UNTIL, Row

BY_MEANING = ("catalogue", "deadlines", "ladder")
"""Tables of which only the answers are compared; of the others every row."""
LIMITS = ("return", "extension")
"""Deadlines that limit an action and never run as a clock."""
DATES = (VALID_FROM, VALID_UNTIL)
NONE = "none"
_RUNG = ("offset", "to", "letter")


Question = tuple[str, str, str, str]
"""Process, clock, urgency, and what is asked for."""


def deadlines(old: Rulebook, new: Rulebook, at: datetime | None) -> Iterator[Change]:
    """Every clock of every process and urgency that both know."""
    for column, kind in (("span", "deadline_changed"), ("times", "extensions_changed")):
        changed = {}
        for process, clock, urgency in _questions(old, new):
            was, will = (_cell(book, at, (process, clock, urgency), column) for book in (old, new))
            if was != will and (column == "span" or clock == "extension"):
                changed[process, clock, urgency, ""] = (was, will)
        for places, (was, will) in _merged(changed, list(_questions(old, new))):
            yield change(kind, **places, old=was, new=will)


def ladder(old: Rulebook, new: Rulebook, at: datetime | None) -> Iterator[Change]:
    """Rungs that are added, taken away, or reach others at another time."""
    asked = list(_questions(old, new, limits=False))
    changed = {}
    for process, clock, urgency in asked:
        was, will = (_rungs(book, at, (process, clock, urgency)) for book in (old, new))
        for name in dict.fromkeys([*was, *will]):
            if was.get(name) != will.get(name):
                changed[process, clock, urgency, name] = (was.get(name), will.get(name))
    for places, (before, after) in _merged(changed, asked, what="rung"):
        yield change(_kind(before, after), **places, old=dict(before or {}), new=dict(after or {}))


def rows(old: Rulebook, new: Rulebook, _at: datetime | None) -> Iterator[Change]:
    """Rows of the other tables by their ids: keywords, urgency, callback, channels, and what a city adds; and every
    row that has dates, because it may decide only some day."""
    for name in dict.fromkeys([*old.tables, *new.tables]):
        was, will = (_by_id(book, name) for book in (old, new))
        if name in BY_MEANING:
            dated = {id for rows in (was, will) for id, cells in rows.items() if any(map(cells.get, DATES))}
            was, will = ({id: cells for id, cells in rows.items() if id in dated} for rows in (was, will))
        for id in dict.fromkeys([*was, *will]):
            if was.get(id) != will.get(id):
                yield _row_change(name, id, was.get(id), will.get(id))
        yield from (change("row_moved", table=name, row=id) for id in _moved([*was], [*will]))


def _questions(old: Rulebook, new: Rulebook, *, limits: bool = True) -> Iterator[tuple[str, str, str]]:
    """Process, clock and urgency: everything the new rulebook is asked for in a process that both know."""
    for name in (name for name in new.processes if name in old.processes):
        asked = [*_clock_names(new.processes[name]), *(LIMITS if limits else ())]
        yield from product([name], dict.fromkeys(asked), [str(u) for u in Urgency])


def _clock_names(process: Process) -> list[str]:
    return [*process.clocks, *(name for stage in process.stages.values() for name in stage.clocks)]


def _cell(book: Rulebook, at: datetime | None, asked: tuple[str, str, str], column: str) -> str:
    process, clock, urgency = asked
    row = book.tables["deadlines"].first(at, process=process, clock=clock, urgency=urgency)
    return (row.cells.get(column) if row else "") or (NONE if column == "span" else "0")


def _rungs(book: Rulebook, at: datetime | None, asked: tuple[str, str, str]) -> dict[str, Mapping[str, str]]:
    """Name -> what counts of a rung; of several rows the first."""
    process, clock, urgency = asked
    found = book.tables["ladder"].match(at, process=process, clock=clock, urgency=urgency)
    if not found or found[0].cells["rung"] == NO_LADDER:
        return {}
    return {r.cells["rung"]: {name: r.cells[name] for name in _RUNG} for r in reversed(found)}


def _kind(before: Any, after: Any) -> str:
    return "rung_added" if before is None else "rung_removed" if after is None else "rung_changed"


def _merged(
    changed: Mapping[Question, Any], asked: Sequence[tuple[str, str, str]], what: str = ""
) -> Iterator[tuple[dict[str, Any], Any]]:
    """The same change for several clocks, processes and urgencies is one; an empty list stands for all of them."""
    left = dict(changed)
    every = [list(dict.fromkeys(question[n] for question in asked)) for n in range(3)]
    while left:
        (*first, name), values = next(iter(left.items()))
        axes = [[one] for one in first]
        for n in (2, 1, 0):
            tried = ([*axes[:n], [one], *axes[n + 1 :]] for one in every[n])
            axes[n] = [to[n][0] for to in tried if all(left.get((*k, name), ...) == values for k in _corners(to))]
        for key in _corners(axes):
            del left[(*key, name)]
        shown = [[] if axis == whole and len(whole) > 1 else axis for axis, whole in zip(axes, every, strict=True)]
        named = dict(zip(("processes", "clocks", "urgencies"), shown, strict=True))
        yield named | ({what: name} if what else {}), values


def _corners(axes: Sequence[Sequence[str]]) -> Iterator[tuple[str, str, str]]:
    return product(axes[0], axes[1], axes[2])


def _by_id(book: Rulebook, table: str) -> dict[str, Mapping[str, str]]:
    found: Iterable[Row] = book.tables[table].rows if table in book.tables else ()
    return {row.id: {name: cell for name, cell in row.cells.items() if name != ID} for row in found}


def _row_change(table: str, id: str, was: Mapping[str, str] | None, will: Mapping[str, str] | None) -> Change:
    if was is None or will is None:
        cells = {name: cell for name, cell in (will or was or {}).items() if cell}
        return change("row_added" if was is None else "row_removed", table=table, row=id, cells=cells)
    names = [name for name in dict.fromkeys([*was, *will]) if was.get(name, "") != will.get(name, "")]
    return change(
        "row_changed", table=table, row=id,
        old={name: was.get(name, "") for name in names}, new={name: will.get(name, "") for name in names},
    )  # fmt: skip


def _moved(was: Sequence[str], will: Sequence[str]) -> list[str]:
    """Rows that stand elsewhere among those that stayed: the first that matches wins, so their order matters."""
    before, after = [id for id in was if id in will], [id for id in will if id in was]
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    kept = {id for block in blocks for id in before[block.a : block.a + block.size]}
    return [id for id in after if id not in kept]

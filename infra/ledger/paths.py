"""听得进批评: the ways that cases really took, counted in the ledger beside the way that was designed.

What it costs: one statement for the open cases (the partial index of open work), and one that reads the entries of at
most ``SAMPLE`` cases, the newest ones of the period, by their primary key. A number begins with the city's day, so the
period is a range of that key; however large the ledger is, no more than the sample is read. Nothing is written for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.numbers import numbers_from
from infra.moment import wall
from rules.case import CLOSED
from rules.picture import Live, StageFigures

SAMPLE = 10_000
"""Cases that are looked at; the newest of the period."""
VARIANTS = 12
"""Ways that are listed; the most frequent ones."""
KEPT = timedelta(seconds=20)
"""Wall time for which an answer is given again."""
_STEP = ">"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What happened in a period. ``ways``: stages in the order visited (with ``closed``) -> cases, the most first.

    ``cases``: how many were looked at; ``is_sample``: there were more, these are the newest.
    """

    live: Live
    cases: int = 0
    is_sample: bool = False
    ways: Sequence[tuple[tuple[str, ...], int]] = ()
    other: int = 0


@dataclass(slots=True)
class _Found:
    finished: dict[str, StageFigures] = field(default_factory=dict)
    moves: dict[tuple[str, str, str], int] = field(default_factory=dict)
    ways: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    cases: int = 0


class Paths:
    """Questions about the ways of many cases."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: dict[tuple[str, int], tuple[datetime, Traffic]] = {}

    async def recent(self, process: str, *, days: int, now: datetime) -> Traffic:
        """The same as :meth:`traffic`, at most ``KEPT`` old: many may look at the page at once."""
        asked = wall()
        self._kept = {key: kept for key, kept in self._kept.items() if asked - kept[0] < KEPT}
        if (process, days) not in self._kept:
            self._kept[process, days] = asked, await self.traffic(process, days=days, now=now)
        return self._kept[process, days][1]

    async def traffic(self, process: str, *, days: int, now: datetime, sample: int = SAMPLE) -> Traffic:
        """Cases of ``process`` received in the last ``days`` (city days, today included); ``now`` is case time."""
        statement = self._ways(process, since=now - timedelta(days=days - 1), sample=sample)
        async with self._db.read(snapshot=True) as connection:
            here = {row.stage: (row.open, row.late) for row in await connection.execute(_here(process, now))}
            found = _read(await connection.execute(statement))
        known = {name: found.finished.get(name, StageFigures()) for name in {*here, *found.finished}}
        stages = {name: _with_open(figures, *here.get(name, (0, 0))) for name, figures in known.items()}
        cases = min(found.cases, sample)
        listed = sum(count for _, count in found.ways)
        return Traffic(Live(stages, found.moves), cases, found.cases > sample, found.ways, cases - listed)

    def _ways(self, process: str, *, since: datetime, sample: int) -> sa.CompoundSelect[Any]:
        """Everything in one statement, so that the entries are read once: rows of (what, a, b, c, n, half, most)."""
        steps = _steps(_picked(process, since, sample))
        ends = self._ends(steps)
        return sa.union_all(_count(process, since, sample), _moves(ends), _stays(ends), _paths(steps))

    def _seconds(self, begin: sa.ColumnElement[Any], end: sa.ColumnElement[Any]) -> Any:
        days: Any = sa.func.julianday(end) - sa.func.julianday(begin)
        length: Any = days * 86400.0 if self._db.is_sqlite else sa.extract("epoch", end - begin)
        return sa.type_coerce(length, sa.Float())

    def _ends(self, steps: sa.CTE) -> sa.CTE:
        """One row for each finished stay: its stage, how it ended, where that led, and its seconds."""
        s = steps.c

        def other(move: Any, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
            moved: sa.ColumnElement[Any] = move(column).over(partition_by=s.number, order_by=s.seq)
            return moved

        lag, lead = sa.func.lag, sa.func.lead
        seconds = self._seconds(other(lag, s.at), s.at)
        own = (
            other(lag, s.stage).label("stage"),
            s.outcome,
            other(lead, s.stage).label("target"),
            seconds.label("seconds"),
        )
        rows = sa.select(*own).cte("looked")
        ended = rows.c.outcome.is_not(None) & rows.c.stage.is_not(None) & rows.c.target.is_not(None)
        return sa.select(rows).where(ended).cte("ends")


def _picked(process: str, since: datetime, sample: int) -> sa.CTE:
    c = schema.cases.c
    newest = sa.select(c.number).where(*_received(process, since)).order_by(c.number.desc()).limit(sample)
    return newest.cte("picked")


def _received(process: str, since: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    c = schema.cases.c
    return c.process == process, c.number >= numbers_from(since)


def _count(process: str, since: datetime, sample: int) -> sa.Select[Any]:
    """How many there are, counted no further than to know that there are more than the sample."""
    some = sa.select(schema.cases.c.number).where(*_received(process, since)).limit(sample + 1).subquery()
    return sa.select(*_row("cases", n=sa.func.count())).select_from(some)


def _steps(picked: sa.CTE) -> sa.CTE:
    """What begins or ends a stay; ``stage`` is the one entered, ``closed`` for the last entry."""
    e = schema.entries.c
    stage, outcome = e.data["stage"].as_string(), e.data["outcome"].as_string()
    turns = e.kind.in_(("stage_entered", "case_closed")) | outcome.is_not(None)
    entered = sa.case((e.kind == "stage_entered", stage), (e.kind == "case_closed", CLOSED)).label("stage")
    found = sa.select(e.number, e.seq, e.at, entered, outcome.label("outcome"))
    return found.where(e.number.in_(sa.select(picked.c.number)), turns).cte("steps")


def _paths(steps: sa.CTE) -> sa.Select[Any]:
    """The whole way of each case as one text, counted."""
    s, count = steps.c, sa.func.count()
    whole = sa.func.aggregate_strings(s.stage, _STEP).over(partition_by=s.number, order_by=s.seq, rows=(None, None))
    nth = sa.func.row_number().over(partition_by=s.number, order_by=s.seq)
    ways = sa.select(whole.label("way"), nth.label("nth")).where(s.stage.is_not(None)).subquery()
    each = sa.select(ways.c.way, count.label("n")).where(ways.c.nth == 1).group_by(ways.c.way)
    most = each.order_by(count.desc(), ways.c.way).limit(VARIANTS).subquery()
    return sa.select(*_row("way", most.c.way, n=most.c.n))


def _moves(ends: sa.CTE) -> sa.Select[Any]:
    key = ends.c.stage, ends.c.outcome, ends.c.target
    return sa.select(*_row("move", *key, n=sa.func.count())).group_by(*key)


def _stays(ends: sa.CTE) -> sa.Select[Any]:
    """How long finished stays took: the smallest time within which half, and nine in ten, were over."""
    nth = sa.func.row_number().over(partition_by=ends.c.stage, order_by=ends.c.seconds)
    total = sa.func.count().over(partition_by=ends.c.stage)
    ranked = sa.select(ends.c.stage, ends.c.seconds, nth.label("nth"), total.label("total")).subquery()
    r = ranked.c
    half = sa.func.min(sa.case((r.nth * 2 >= r.total, r.seconds)))
    most = sa.func.min(sa.case((r.nth * 10 >= r.total * 9, r.seconds)))
    return sa.select(*_row("stay", r.stage, n=sa.func.count(), half=half, most=most)).group_by(r.stage)


def _row(what: str, *keys: Any, n: Any, half: Any = None, most: Any = None) -> list[sa.ColumnElement[Any]]:
    """Columns that fit every part of the statement."""
    blank = sa.cast(sa.null(), sa.Text)
    names = [*keys, blank, blank, blank][:3]
    labels = [key.label(f"k{i}") for i, key in enumerate(names)]
    times = [sa.cast(sa.null() if t is None else t, sa.Float) for t in (half, most)]
    return [sa.literal_column(f"'{what}'").label("what"), *labels, n.label("n"), *times]


def _here(process: str, now: datetime) -> sa.Select[Any]:
    c = schema.cases.c
    late = sa.func.sum(sa.case((c.due_at < now, 1), else_=0))
    query = sa.select(c.stage, sa.func.count().label("open"), late.label("late"))
    return query.where(c.closed_at.is_(None), c.process == process, c.stage != "").group_by(c.stage)


def _read(rows: Any) -> _Found:
    found = _Found()
    for what, first, second, third, n, half, most in rows:
        if what == "cases":
            found.cases = n
        elif what == "move":
            found.moves[first, second, third] = n
        elif what == "way":
            found.ways.append((tuple(first.split(_STEP)), n))
        else:
            times = timedelta(seconds=half), timedelta(seconds=most)
            found.finished[first] = StageFigures(finished=n, median=times[0], ninetieth=times[1])
    return found


def _with_open(figures: StageFigures, open: int, late: int) -> StageFigures:
    return StageFigures(open, late, figures.finished, figures.median, figures.ninetieth)

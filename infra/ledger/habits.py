"""建立台账: what people did in the cases of a period, as far as a simulation learns from it; and the period's figures.

What it costs: the moments of all cases of the period; of at most ``SAMPLE`` cases, the newest, a page at a time their
matters, assignments, signals and the entries that tell something, all by primary key. A number begins with the city's
day, so that a period is a range of that key. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.numbers import numbers_from
from rules.case import CITIZEN, Complaint
from rules.process import StageKind
from rules.rulebook import Rulebook
from rules.simulation.model import NONE
from rules.simulation.observed import Deed, Observed, Task, Visit
from rules.trials.moments import micros

SAMPLE = 20_000
PAGE = 1000
TELLING = (
    "stage_entered", "citizen_rated", "citizen_contested", "citizen_appealed", "citizen_silent", "citizen_withdrew",
    "rung_reached", "extension_granted", "clocks_paused", "clocks_resumed", "case_closed",
)  # fmt: skip
"""Kinds of entries that are read."""
SAID = {"citizen_rated": "rate", "citizen_contested": "contest", "citizen_appealed": "appeal"}

_c, _a, _s, _e, _m = schema.cases.c, schema.assignments.c, schema.signals.c, schema.entries.c, schema.complaints.c
_FROM, _LAST = sa.bindparam("from", type_=sa.Text), sa.bindparam("last", type_=sa.Text)
_CASES = (
    sa.select(_c.number, _c.process, _c.opened_at, _c.category, _c.district, _c.urgency, _m.matter)
    .join_from(schema.cases, schema.complaints, _m.number == _c.number)
    .where(_c.number > _FROM)
    .order_by(_c.number)
    .limit(PAGE)
)
_TASKS = (
    sa.select(_a.number, _a.id, _a.party, _a.role, _a.stage, _a.opened_at, _a.ended_at)
    .where(_a.number > _FROM, _a.number <= _LAST)
    .order_by(_a.number, _a.opened_at, _a.id)
)
_DEEDS = (
    sa.select(_s.number, _s.assignment, _s.action, _e.at)
    .join_from(schema.signals, schema.entries, sa.and_(_e.number == _s.number, _e.seq == _s.first_seq))
    .where(_s.number > _FROM, _s.number <= _LAST, _s.assignment.is_not(None))
    .order_by(_s.number, _s.first_seq)
)
_TOLD = (
    sa.select(_e.number, _e.kind, _e.at, _e.data)
    .where(_e.number > _FROM, _e.number <= _LAST, _e.kind.in_(TELLING))
    .order_by(_e.number, _e.seq)
)


async def observe(db: Database, book: Rulebook, *, since: datetime, until: datetime) -> Observed:
    """The cases received in the period; of those that go on, what is known at its end. ``book``: which of their stages
    ask the citizen, and which clocks may be extended."""
    seen = Observed(micros(since), micros(until))
    async with db.read() as connection:
        await _arrivals(connection, seen, since, until)
        last = await _first_of_sample(connection, since)
    while True:
        async with db.read() as connection:
            cases = (await connection.execute(_CASES, {"from": last})).all()
            if not cases:
                return seen
            span = {"from": last, "last": cases[-1].number}
            tasks, deeds, told = [(await connection.execute(q, span)).all() for q in (_TASKS, _DEEDS, _TOLD)]
        last = cases[-1].number
        _add(seen, book, [case for case in cases if case.opened_at < until], _Page(tasks, deeds, told))


async def _arrivals(connection: AsyncConnection, seen: Observed, since: datetime, until: datetime) -> None:
    received = sa.select(_c.opened_at).where(_c.number > numbers_from(since)).order_by(_c.number)
    for (at,) in await connection.execute(received):
        if since <= at < until:
            seen.arrivals.append(micros(at))


async def _first_of_sample(connection: AsyncConnection, since: datetime) -> str:
    begin = numbers_from(since)
    newest = sa.select(_c.number).where(_c.number > begin).order_by(_c.number.desc()).offset(SAMPLE).limit(1)
    return str(await connection.scalar(newest) or begin)


class _Page:
    """What belongs to some cases, by number."""

    def __init__(self, tasks: Sequence[Any], deeds: Sequence[Any], told: Sequence[Any]) -> None:
        self.tasks, self.told = _by_number(tasks), _by_number(told)
        self.deeds = {key: [*rows] for key, rows in groupby(sorted(deeds, key=_whose), key=_whose)}


def _whose(row: Any) -> tuple[str, str]:
    return row.number, row.assignment


def _by_number(rows: Sequence[Any]) -> Mapping[str, list[Any]]:
    return {number: [*several] for number, several in groupby(rows, key=lambda row: row.number)}


def _add(seen: Observed, book: Rulebook, cases: Sequence[Any], page: _Page) -> None:
    for case in cases:
        seen.cases += 1
        tasks = [*_tasks(case, page, seen.until)]
        seen.tasks += tasks
        seen.matters[_matter(case, book, by_desk=bool(tasks) and tasks[0].role == "desk")] += 1
        _read(seen, book, case, page.told.get(case.number, ()))


def _tasks(case: Any, page: _Page, until: int) -> Iterator[Task]:
    for row in page.tasks.get(case.number, ()):
        if row.role != CITIZEN and micros(row.opened_at) < until:
            deeds = [Deed(d.action, micros(d.at)) for d in page.deeds.get((case.number, row.id), ())]
            ended = micros(row.ended_at) if row.ended_at else None
            task = Task(case.process, row.stage, row.role, row.party, micros(row.opened_at), ended, deeds)
            yield task if ended is None or ended < until else replace(task, ended=None)


def _matter(case: Any, book: Rulebook, *, by_desk: bool) -> tuple[str, str, str, str, str]:
    """What the complaint said. A category that nobody gave and a person had to find is none; words count only where
    they alone made the case urgent or complex."""
    told = Complaint(**({"subject": "", "description": ""} | case.matter))
    given = book.find_category(told.category or "")
    category = given or (None if by_desk else case.category)
    plain = replace(told, subject="", description="", category=category)
    spoken = book.urgency(plain, category).value != case.urgency and book.urgency(told, category).value == case.urgency
    words = f"{told.subject}\n{told.description}" if spoken else ""
    return told.type, told.channel, category or NONE, case.district or NONE, words


def _read(seen: Observed, book: Rulebook, case: Any, entries: Sequence[Any]) -> None:
    """The way of one case, as far as the citizen and the clocks are concerned."""
    stages = book.processes[case.process].stages if case.process in book.processes else {}
    stage, visit, paused = "", None, 0
    for entry in entries:
        at, kind, data = micros(entry.at), entry.kind, entry.data
        if at >= seen.until:
            return
        if kind == "stage_entered":
            stage, visit = data["stage"], None
            if stage in stages and stages[stage].kind == StageKind.FEEDBACK:
                visit = Visit(at)
                seen.visits.append(visit)
        elif kind == "rung_reached":
            spec = book.processes[case.process].clock(stage, data["clock"].rpartition("-")[0]) if stages else None
            seen.yellow[case.process, stage] += data["rung"] == "yellow_card" and bool(spec and spec.extendable)
        elif kind == "clocks_paused":
            paused = at
        else:
            _rest(seen, kind, data, (at, micros(case.opened_at), paused), visit)


def _rest(seen: Observed, kind: str, data: Mapping[str, Any], at: tuple[int, int, int], visit: Visit | None) -> None:
    now, opened, paused = at
    if visit is not None and kind.startswith("citizen_"):
        visit.action, visit.ended = SAID.get(kind, ""), now
    if kind == "citizen_rated":
        seen.solved[data["solved"]] += 1
        seen.satisfied[data["solved"], int(data["satisfied"])] += 1
    elif kind == "citizen_withdrew":
        seen.withdrawn.append(now - opened)
    elif kind == "extension_granted":
        seen.days[int(data["days"])] += 1
    elif kind == "clocks_resumed" and paused:
        seen.pauses.append(now - paused)

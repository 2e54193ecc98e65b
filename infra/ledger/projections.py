"""Rows for queries, derived from a folded case; ``minsheng verify --rebuild`` can make them again at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from rules.case import CITIZEN, Assignment, Case, Clock

_clock = schema.clocks.c
_STOP = sa.delete(schema.clocks).where(_clock.number == sa.bindparam("of"), _clock.id == sa.bindparam("clock"))


def case_row(case: Case) -> dict[str, Any]:
    """The projected columns of ``cases``, without the hash and the run's own columns."""
    return {
        "rulebook": case.rulebook,
        "process": case.process,
        "stage": case.stage,
        "outcome": case.outcome,
        "is_moving": case.is_moving,
        "urgency": str(case.urgency),
        "category": case.category,
        "district": case.district,
        "channel": case.channel,
        "lead": case.lead,
        "opened_at": case.opened_at,
        "updated_at": case.updated_at or case.opened_at,
        "closed_at": case.closed_at,
        "result": case.result,
        "due_at": due_at(case),
        "next_at": case.next_at,
        "seq": case.seq,
    }


def due_at(case: Case) -> datetime | None:
    """The earliest deadline somebody in the city has to keep; the citizen's silence is nobody's delay."""
    if case.is_closed:
        return None
    return min((c.due_at for c in case.clocks if c.runs and c.holder != CITIZEN), default=case.opened_at)


def assignment_row(number: str, assignment: Assignment) -> dict[str, Any]:
    columns = ("id", "party", "role", "stage", "opened_at", "claimed_at", "contacted_at", "ended_at", "how")
    return {"number": number} | {name: getattr(assignment, name) for name in columns}


def clock_row(number: str, clock: Clock) -> dict[str, Any]:
    columns = ("id", "name", "holder", "due_at", "next_at", "rung")
    return {"number": number} | {name: getattr(clock, name) for name in columns}


def promise_row(number: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    return {"number": number, **{name: plan[name] for name in ("what", "owner", "promised_on")}}


Change = tuple[Case | None, Case]
"""A case before (``None``: nothing of it is projected yet) and after."""


async def project(db: Database, connection: AsyncConnection, changes: Sequence[Change]) -> None:
    """Write what changed: at most one statement for each kind of row."""
    if changed := [row for change in changes for row in assignment_rows(*change)]:
        await connection.execute(db.upsert(schema.assignments), changed)
    if changed := [row for change in changes for row in clock_rows(*change)]:
        await connection.execute(db.upsert(schema.clocks), changed)
    if stopped := [{"of": case.number, "clock": id} for before, case in changes for id in stopped_clocks(before, case)]:
        await connection.execute(_STOP, stopped)
    for before, case in changes:
        await _promise(db, connection, before, case)


def assignment_rows(before: Case | None, case: Case) -> list[dict[str, Any]]:
    """Those that changed."""
    old = {a.id: a for a in before.assignments} if before else {}
    return [assignment_row(case.number, a) for a in case.assignments if old.get(a.id) != a]


def clock_rows(before: Case | None, case: Case) -> list[dict[str, Any]]:
    """Running clocks that changed; what a stopped one did is in the entries."""
    ran = _running(before)
    return [clock_row(case.number, c) for c in case.clocks if c.runs and ran.get(c.id) != c]


def stopped_clocks(before: Case | None, case: Case) -> list[str]:
    """The ids of clocks that ran before and run no more."""
    runs = _running(case)
    return [id for id in _running(before) if id not in runs]


def _running(case: Case | None) -> dict[str, Clock]:
    return {c.id: c for c in case.clocks if c.runs} if case else {}


async def _promise(db: Database, connection: AsyncConnection, before: Case | None, case: Case) -> None:
    kept = before.plan if before else None
    if case.plan and case.plan != kept:
        await connection.execute(db.upsert(schema.promises), [promise_row(case.number, case.plan)])
    elif kept and not case.plan:
        await connection.execute(sa.delete(schema.promises).where(schema.promises.c.number == case.number))

"""谁主管、谁负责 needs to be seen: lists of cases, late work first, and the figures for operators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.outbox import GIVEN_UP, QUEUED


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """What a list shows; ``None`` means any."""

    stage: str | None = None
    district: str | None = None
    category: str | None = None
    department: str | None = None
    urgency: str | None = None
    number: str | None = None
    late: bool = False
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One line of a list. ``due_at``: the earliest deadline that somebody in the city has to keep."""

    number: str
    subject: str
    stage: str
    outcome: str | None
    urgency: str
    category: str | None
    district: str | None
    lead: str | None
    opened_at: datetime
    closed_at: datetime | None
    result: str | None
    due_at: datetime | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows and where the next page begins (``None``: nothing follows)."""

    rows: list[CaseRow]
    after: tuple[datetime, str] | None


class Search:
    """Questions about many cases."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def cases(
        self, wanted: CaseFilter, *, now: datetime, limit: int, after: tuple[datetime, str] | None = None
    ) -> Page:
        """Open cases by their earliest deadline (so late ones first), closed ones newest first; keyset pages."""
        c = schema.cases.c
        at = c.due_at if wanted.is_open else c.closed_at
        conditions = [c.closed_at.is_(None) if wanted.is_open else c.closed_at.is_not(None), *_conditions(wanted, now)]
        if after is not None:
            beyond = sa.tuple_(at, c.number)
            mark = sa.tuple_(sa.literal(after[0], schema.Moment), sa.literal(after[1]))
            conditions.append(beyond > mark if wanted.is_open else beyond < mark)
        order = (at.asc(), c.number.asc()) if wanted.is_open else (at.desc(), c.number.desc())
        query = _SELECT.where(*conditions).order_by(*order).limit(limit + 1)
        async with self._db.read() as connection:
            rows = [CaseRow(*row) for row in await connection.execute(query)]
        more = len(rows) > limit
        return Page(rows[:limit], _mark(rows[limit - 1]) if more else None)

    async def counts(self, now: datetime) -> dict[str, float]:
        """Figures for ``/metrics``: open, late, moving and closed cases, letters waiting and given up."""
        c, letter = schema.cases.c, schema.letters.c
        count, is_open = sa.func.count, c.closed_at.is_(None)
        queries = {
            "cases_open": sa.select(count()).where(is_open),
            "cases_late": sa.select(count()).where(is_open, c.due_at < now),
            "cases_moving": sa.select(count()).where(c.is_moving),
            "letters_waiting": sa.select(count()).where(letter.status == QUEUED, letter.due_at.is_not(None)),
            "letters_given_up": sa.select(count()).where(letter.status == GIVEN_UP),
        }
        async with self._db.read() as connection:
            return {name: float(await connection.scalar(query) or 0) for name, query in queries.items()}

    async def newest_moment(self) -> datetime | None:
        """When the newest entry of the ledger was made; case time never runs behind it."""
        async with self._db.read() as connection:
            return await connection.scalar(sa.select(sa.func.max(schema.entries.c.at)))


_SELECT = sa.select(
    schema.cases.c.number,
    schema.complaints.c.matter["subject"].as_string(),
    *(schema.cases.c[n] for n in ("stage", "outcome", "urgency", "category", "district", "lead")),
    *(schema.cases.c[n] for n in ("opened_at", "closed_at", "result", "due_at", "run_id")),
).join(schema.complaints, schema.complaints.c.number == schema.cases.c.number)


def _conditions(wanted: CaseFilter, now: datetime) -> list[sa.ColumnElement[bool]]:
    c, a = schema.cases.c, schema.assignments.c
    plain: dict[str, Any] = {"stage": wanted.stage, "district": wanted.district, "urgency": wanted.urgency}
    conditions = [c[name] == value for name, value in plain.items() if value]
    if wanted.category:
        conditions.append(
            sa.or_(c.category == wanted.category, c.category.startswith(f"{wanted.category}/", autoescape=True))
        )
    if wanted.department:
        conditions.append(sa.exists().where(a.number == c.number, a.party == wanted.department))
    if wanted.number:
        conditions.append(c.number.startswith(wanted.number.strip().upper(), autoescape=True))
    if wanted.late:
        conditions.append(c.due_at < now)
    return conditions


def _mark(row: CaseRow) -> tuple[datetime, str] | None:
    at = row.due_at or row.closed_at
    return (at, row.number) if at else None

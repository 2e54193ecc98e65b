"""谁主管、谁负责 needs to be seen: lists of cases, late work first, and the figures for operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from infra.ledger import schema, words
from infra.ledger.database import Database
from infra.ledger.numbers import NUMBER_LENGTH
from infra.ledger.outbox import GIVEN_UP
from infra.moment import wall
from rules.case import Role

Conditions = words.Conditions
Listing = sa.Select[Any]
Among = Callable[[Listing], sa.ColumnElement[bool]]

LAST = "\U0010ffff"
"""Behind every character that follows in a number."""
LOOKED_AT = 5_000
"""Complaints after which a page with words ends, when they and the other conditions leave few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """What a list shows; ``None`` means any."""

    stage: str | None = None
    district: str | None = None
    category: str | None = None
    department: str | None = None
    urgency: str | None = None
    number: str | None = None
    words: str | None = None
    late: bool = False
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One line of a list. ``due_at``: the earliest deadline that somebody in the city has to keep.

    Before the first stage no clock runs; then it is the moment of receipt, so that nobody overlooks the newcomer.
    """

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
    process: str
    rulebook: str

    def is_late(self, now: datetime) -> bool:
        """Whether a deadline was missed; ``now`` is case time."""
        return bool(self.stage) and self.due_at is not None and self.due_at < now


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
        """Open cases by their earliest deadline (so late ones first), closed ones newest first; keyset pages.

        With ``words`` the cases whose complaint has them all, by the day of receipt, newest first; so are the closed
        cases of a department, and those whose number begins with what was given.
        """
        if wanted.words and wanted.words.strip():
            return await self._with_words(wanted, now=now, limit=limit, below=after[1] if after else None)
        conditions = _conditions(wanted, now)
        if wanted.department and wanted.is_open:
            query = _open_of(wanted.department, conditions, after, limit + 1, self._among)
        elif wanted.department:
            query = _closed_of(wanted.department, conditions, after).limit(limit + 1)
        elif wanted.number and not wanted.is_open:
            query = _numbered(conditions, after).limit(limit + 1)
        else:
            query = _listed(wanted.is_open, conditions, after).limit(limit + 1)
        async with self._db.read() as connection:
            rows = [CaseRow(*row) for row in await connection.execute(query)]
        more = len(rows) > limit
        return Page(rows[:limit], _mark(rows[limit - 1]) if more else None)

    def _among(self, numbers: Listing | sa.CompoundSelect[Any]) -> sa.ColumnElement[bool]:
        """Cases by their key. As a mere IN, PostgreSQL may walk through all open cases and look who is among them."""
        own = schema.cases.c.number
        return own.in_(numbers) if self._db.is_sqlite else own == sa.any_(sa.func.array(numbers.scalar_subquery()))

    def _is_one_of(self, numbers: Sequence[str]) -> sa.ColumnElement[bool]:
        """As one value: five hundred of them would each be spelled out and read again."""
        own = schema.cases.c.number
        return own.in_(numbers) if self._db.is_sqlite else own == sa.any_(sa.cast(numbers, _NUMBERS))

    async def _with_words(self, wanted: CaseFilter, *, now: datetime, limit: int, below: str | None) -> Page:
        """A page may be short and yet not the last: so much is looked at for one, and no more."""
        terms, conditions, rows = words.terms_of(wanted.words or ""), _conditions(wanted, now), list[CaseRow]()
        if not terms:
            return Page([], None)
        walk, own = self._walk(wanted.department, is_open=wanted.is_open)
        query = _SELECT.where(words.having(terms, [*conditions, *own])).order_by(schema.cases.c.number.desc())
        (first, last), looked_at = _span(wanted.number or ""), 0
        below = min(below or LAST, last + LAST)
        async with self._db.read() as connection:
            async for some in words.with_pairs(connection, terms, walk, conditions, before=below):
                if some.numbers:
                    asked = query.where(self._is_one_of(some.numbers)).limit(limit + 1 - len(rows))
                    rows += [CaseRow(*row) for row in await connection.execute(asked)]
                if len(rows) > limit:
                    return Page(rows[:limit], (rows[limit - 1].opened_at, rows[limit - 1].number))
                looked_at += some.looked_at
                if some.last < first:
                    break
                if looked_at >= LOOKED_AT:
                    return Page(rows, (now, some.last))
        return Page(rows, None)

    def _walk(self, department: str | None, *, is_open: bool) -> tuple[words.Walk, Conditions]:
        """All cases, or those that the department leads or has (closed cases: had) a task in; and how to know these."""
        c, a = schema.cases.c, schema.assignments.c
        if not department:
            return words.Walk(sa.select(c.number), c.number), ()
        if not is_open:
            both, over = schema.cases.join(schema.assignments, _by_key(c.number, a.number)), _ended(a, department)
            walk = words.Walk(sa.select(c.number).select_from(both).where(*over), a.number)
            return walk, [sa.exists().where(a.number == c.number, *over)]
        led, has_task = c.lead == department, sa.and_(a.party == department, a.ended_at.is_(None))
        numbers = sa.union_all(
            sa.select(a.number).where(has_task),
            sa.select(c.number).where(led, c.closed_at.is_(None)).correlate(None),
        )
        walk = words.Walk(sa.select(c.number).where(self._among(numbers)), c.number)
        return walk, [sa.or_(led, sa.exists().where(a.number == c.number, has_task))]

    async def counts(self, now: datetime) -> dict[str, float]:
        """Figures for ``/metrics``; ``now`` is case time. Each is answered by a partial index of open work."""
        c, letter = schema.cases.c, schema.letters.c
        count, is_open, waits = sa.func.count, c.closed_at.is_(None), letter.due_at.is_not(None)
        queries = {
            "cases_open": sa.select(count()).where(is_open),
            "cases_late": sa.select(count()).where(is_open, c.due_at < now),
            "cases_moving": sa.select(count()).where(c.is_moving),
            "letters_waiting": sa.select(count()).where(waits),
            "letters_given_up": sa.select(count()).where(letter.status == sa.literal_column(f"'{GIVEN_UP}'")),
        }
        async with self._db.read() as connection:
            figures = {name: float(await connection.scalar(query) or 0) for name, query in queries.items()}
            oldest = await connection.scalar(sa.select(sa.func.min(letter.queued_at)).where(waits))
            new = sa.select(count()).where(c.is_moving, c.stage == "", c.due_at < now)  # see _late; a few only
            figures["cases_late"] -= await connection.scalar(new) or 0
        return figures | {"oldest_letter_seconds": (wall() - oldest).total_seconds() if oldest else 0.0}

    async def newest_moment(self) -> datetime | None:
        """When the newest entry of the ledger was made; case time never runs behind it."""
        c = schema.cases.c
        still_open = sa.select(sa.func.max(c.updated_at)).where(c.closed_at.is_(None))
        closed = sa.select(sa.func.max(c.closed_at)).where(c.closed_at.is_not(None))
        async with self._db.read() as connection:
            found = [await connection.scalar(query) for query in (still_open, closed)]
        return max((at for at in found if at is not None), default=None)


def _by_key(own: sa.ColumnElement[str], of: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Each row by itself, by its key ``own``. Two mere columns PostgreSQL may merge in their order, where the numbers
    of a day lie together: then it walks through everybody's cases to those that are wanted."""
    return own == of.concat("")


_NUMBERS = postgresql.ARRAY(sa.Text)
_SELECT = sa.select(
    schema.cases.c.number,
    sa.func.coalesce(schema.complaints.c.matter["subject"].as_string(), ""),
    *(schema.cases.c[n] for n in ("stage", "outcome", "urgency", "category", "district", "lead")),
    *(schema.cases.c[n] for n in ("opened_at", "closed_at", "result", "due_at", "run_id", "process", "rulebook")),
).join(schema.complaints, _by_key(schema.complaints.c.number, schema.cases.c.number))


def _listed(
    is_open: bool, conditions: Conditions, after: tuple[datetime, str] | None, what: Listing = _SELECT
) -> Listing:
    """In the order of deadlines, or of closing; from behind ``after``."""
    c = schema.cases.c
    at = c.due_at if is_open else c.closed_at
    query = what.where(*conditions)
    if after is not None:
        beyond, mark = sa.tuple_(at, c.number), sa.tuple_(sa.literal(after[0], schema.Moment), sa.literal(after[1]))
        query = query.where(beyond > mark if is_open else beyond < mark)
    return query.order_by(*((at, c.number) if is_open else (at.desc(), c.number.desc())))


def _open_of(
    department: str, conditions: Conditions, after: tuple[datetime, str] | None, limit: int, among: Among
) -> Listing:
    """A page of what it leads and a page of what it helps in, each from an index of its own, make a page together."""
    c, a = schema.cases.c, schema.assignments.c
    tasks = sa.select(a.number).where(a.party == department, a.ended_at.is_(None), a.role != Role.LEAD)
    led = c.lead == department
    helped = sa.and_(among(tasks), c.lead.is_distinct_from(department))
    pages = (_listed(True, [*conditions, own], after, sa.select(c.number)).limit(limit) for own in (led, helped))
    numbers = sa.union_all(*(sa.select(page.subquery().c.number) for page in pages))
    return _listed(True, [c.number.in_(numbers)], None).limit(limit)


def _closed_of(department: str, conditions: Conditions, after: tuple[datetime, str] | None) -> Listing:
    """By number, as the index of ended tasks has them; a case counts by the first of its tasks."""
    a, earlier = schema.assignments.c, schema.assignments.alias("earlier").c
    first = ~sa.exists().where(earlier.number == a.number, earlier.id < a.id, *_ended(earlier, department))
    query = _SELECT.join(schema.assignments, _by_key(schema.cases.c.number, a.number))
    query = query.where(*_ended(a, department), first, *conditions).order_by(a.number.desc())
    return query if after is None else query.where(a.number < after[1])


def _numbered(conditions: Conditions, after: tuple[datetime, str] | None) -> Listing:
    """By number, as the primary key has them: in the order of closing, a day of long ago would take long to find."""
    number = schema.cases.c.number
    query = _SELECT.where(*conditions).order_by(number.desc())
    return query if after is None else query.where(number < after[1])


def _ended(a: Any, department: str) -> Conditions:
    """Tasks of the department that are over, as their index says it."""
    return (a.party == department, a.ended_at.is_not(None), a.role != sa.literal_column("'citizen'"))


def _conditions(wanted: CaseFilter, now: datetime) -> list[sa.ColumnElement[bool]]:
    c = schema.cases.c
    plain: dict[str, Any] = {"stage": wanted.stage, "district": wanted.district, "urgency": wanted.urgency}
    conditions: list[sa.ColumnElement[bool]] = [c.closed_at.is_(None) if wanted.is_open else c.closed_at.is_not(None)]
    conditions += [c[name] == value for name, value in plain.items() if value]
    if wanted.category:
        below = c.category.startswith(f"{wanted.category}/", autoescape=True)
        conditions.append(sa.or_(c.category == wanted.category, below))
    if wanted.number:
        first, last = _span(wanted.number)
        conditions += [c.number >= first, c.number <= last]
    if wanted.late:
        conditions.append(_late(now))
    return conditions


def _span(number: str) -> tuple[str, str]:
    """The numbers that begin with what was given: a span of the index even where the database has not seen it yet."""
    given = number.strip().upper()
    return given, given if len(given) == NUMBER_LENGTH else given + LAST


def _late(now: datetime) -> sa.ColumnElement[bool]:
    """A deadline was missed; before the first stage no clock runs, so nobody is late yet."""
    return sa.and_(schema.cases.c.due_at < now, schema.cases.c.stage != "")


def _mark(row: CaseRow) -> tuple[datetime, str] | None:
    at = row.due_at or row.closed_at
    return (at, row.number) if at else None

"""有想法尽管讲: what citizens wrote can be found again by any word of two characters or more, the newest first.

The index holds every pair of neighbouring characters (revision 004), so that nobody has to know where Chinese words
begin. A page costs what it shows, however many complaints there are: on SQLite the index itself is in order, on
PostgreSQL a pair carries its day, and the search goes back in time by ever longer spans.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from infra.ledger import schema
from infra.ledger.database import compact
from infra.ledger.numbers import day_of

TOGETHER = 500
"""Numbers handed on at a time."""
NEWEST = 500
"""Complaints that are looked at before the index is asked, which would hand out everything that came on a day."""
COMMON = 1 / 20
"""Share of complaints that makes a word so common that it is quicker to look at more of the newest."""
WIDER = 3
"""So many times more of the newest are looked at next, while the word is common."""
GROWTH = 8
"""So many times longer is the span after one in which nothing was found."""

Conditions = Sequence[sa.ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Walk:
    """A query for numbers of cases, and the column that an index has in their order."""

    cases: sa.Select[Any]
    number: sa.ColumnElement[str]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Complaints that may have the words, newest first; ``looked_at`` were looked at for them, down to ``last``."""

    numbers: list[str]
    looked_at: int
    last: str


found_on_sqlite = sa.table("search_words", sa.column("word"), sa.column("number"))
"""Kept by triggers; no table of the schema, because PostgreSQL has an index instead."""


def terms_of(text: str) -> list[str]:
    """What is looked for: the parts between spaces that have a pair to look for, in small letters."""
    return [term for term in _small(text).split() if pairs_of([term])]


def pairs_of(terms: Sequence[str]) -> list[str]:
    """Every pair of neighbouring characters; marks and spaces are in no pair."""
    pairs = (term[n : n + 2] for term in terms for n in range(len(term) - 1))
    return list(dict.fromkeys(pair for pair in pairs if min(pair) > "/"))


def contains(term: str) -> sa.ColumnElement[bool]:
    """Whether the words of a complaint have the whole term; the pairs might stand apart.

    The matter is first looked through as the text it is kept as, a fifth of the work of taking its fields out; a term
    that JSON spells otherwise is not found there.
    """
    matter = schema.complaints.c.matter
    fields = [sa.func.coalesce(matter[name].as_string(), "") for name in ("subject", "description", "address")]
    told = sa.or_(*(_has(text, term) for text in fields))
    return sa.and_(_has(sa.cast(matter, sa.Text), term), told) if compact(term) == f'"{term}"' else told


def _has(text: sa.ColumnElement[Any], term: str) -> sa.ColumnElement[bool]:
    found: sa.ColumnElement[bool] = _SmallText(text).contains(term, autoescape=True)
    return found


class _SmallText(FunctionElement[str]):
    """Small letters of ASCII only, see :func:`_small`. PostgreSQL would else look up each Chinese character."""

    type = sa.Text()
    inherit_cache = True


@compiles(_SmallText)
def _lower(element: _SmallText, compiler: sa.Compiled, **more: Any) -> str:
    return f"lower({compiler.process(element.clauses, **more)})"


@compiles(_SmallText, "postgresql")
def _lower_ascii(element: _SmallText, compiler: sa.Compiled, **more: Any) -> str:
    return f'lower(({compiler.process(element.clauses, **more)}) COLLATE "C")'


def having(terms: Sequence[str], conditions: Conditions) -> sa.ColumnElement[bool]:
    """All terms, in cases that fulfil the conditions; the words of the others, which cost most, are not read."""
    return sa.case((_all(conditions), _all(map(contains, terms))), else_=False)


async def with_pairs(
    connection: AsyncConnection, terms: Sequence[str], walk: Walk, conditions: Conditions, *, before: str
) -> AsyncIterator[Candidates]:
    """Complaints that may have all terms, newest first, beginning below the number ``before``.

    Some may lie beside the walk or fail the ``conditions`` of their case: both only say whose words need not be read.
    """
    if connection.dialect.name == "sqlite":
        async for numbers in _in_order(connection, terms, before):
            yield Candidates(numbers, len(numbers), numbers[-1])
        return
    size, read_all, is_common = NEWEST, True, True  # the first ones are all read, to know whether the words are common
    while is_common:
        query = _looked_through(walk, size, before, terms, conditions, read_all=read_all)
        looked_at, last, read, having_all, numbers = (await connection.execute(query)).one()
        if looked_at:
            yield Candidates(numbers or [], looked_at, last)
        if looked_at < size:
            return
        before, size, read_all, is_common = last, size * WIDER, False, having_all >= read * COMMON
    async for numbers in _by_days(connection, terms, before):
        for first in range(0, len(numbers), TOGETHER):
            part = numbers[first : first + TOGETHER]
            yield Candidates(part, len(part), part[-1])


async def _in_order(connection: AsyncConnection, terms: Sequence[str], before: str) -> AsyncIterator[list[str]]:
    own, pairs = found_on_sqlite.c, pairs_of(terms)
    query = sa.select(own.number).where(own.word == pairs[0]).order_by(own.number.desc()).limit(TOGETHER)
    for pair in pairs[1:]:
        other = found_on_sqlite.alias()
        query = query.where(sa.exists().where(other.c.word == pair, other.c.number == own.number))
    while True:
        asked = query.where(own.number < before)
        if not (found := list(await connection.scalars(asked))):
            return
        yield found
        before = found[-1]


def _looked_through(
    walk: Walk, size: int, before: str, terms: Sequence[str], conditions: Conditions, *, read_all: bool
) -> sa.Select[Any]:
    """One row: how many there are, the last of them, whose words were read, who has all terms, who is wanted."""
    told, count = schema.complaints.c, sa.func.count
    newest = walk.cases.add_columns(_all(conditions).label("fits")).where(walk.number < before)
    some = newest.order_by(walk.number.desc()).limit(size).subquery().c
    read = sa.select(_all(map(contains, terms))).where(told.number == some.number).scalar_subquery()
    has_all = read if read_all else sa.case((some.fits, read))
    seen = sa.select(some.number, some.fits, has_all.label("has_all"))
    each = seen.cte().prefix_with("MATERIALIZED").c  # else every word is read three times
    wanted = sa.func.array_agg(postgresql.aggregate_order_by(each.number, each.number.desc()))
    return sa.select(
        count(), sa.func.min(each.number), count(each.has_all), count().filter(each.has_all),
        wanted.filter(each.fits, each.has_all),
    )  # fmt: skip


def _all(conditions: Iterable[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    return sa.and_(sa.true(), *conditions)


async def _by_days(connection: AsyncConnection, terms: Sequence[str], before: str) -> AsyncIterator[list[str]]:
    """Day by day while there is much to find, by longer spans while there is little."""
    number, pairs = schema.complaints.c.number, pairs_of(terms)
    first = str(await connection.scalar(sa.select(sa.func.min(number))))
    day, oldest, span = day_of(before), day_of(first), 1
    while day >= oldest:
        days = [f"{day - timedelta(days=n):%y%m%d}" for n in range(min(span, (day - oldest).days + 1))]
        query = sa.select(number).where(*(_on_a_day(days, pair) for pair in pairs)).order_by(number.desc())
        found = list(await connection.scalars(query.where(number < before)))
        yield found
        day -= timedelta(days=span)
        span = max(1, span * TOGETHER // len(found)) if found else span * GROWTH


def _on_a_day(days: Sequence[str], pair: str) -> sa.ColumnElement[bool]:
    """A complaint has one day, so pairs that fit one of the days each fit the same one."""
    own, texts = schema.complaints.c, postgresql.ARRAY(sa.Text)
    kept: sa.ColumnElement[Any] = sa.func.search_words(own.number, own.matter, type_=texts)
    return kept.bool_op("&&")(sa.cast([f"{day}{pair}" for day in days], texts))


def _small(text: str) -> str:
    """Small letters as both databases make them, of ASCII only; what no text can hold is a space."""
    return "".join(c.lower() if c.isascii() else c for c in (c if c.isprintable() else " " for c in text))

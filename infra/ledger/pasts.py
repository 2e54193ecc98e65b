"""建立台账: what people did in the cases of a period, read for trials a page at a time.

A page costs two statements whatever the size of the ledger: its cases with what the citizens wrote, by the primary key
(a number begins with the city's day), and their signals, each with the entry it led to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.numbers import numbers_from
from rules.case import Complaint
from rules.trials.moments import micros
from rules.trials.past import TELLING, Deed, Past, order_of

PAGE = 1000

_c, _s, _e, _m = schema.cases.c, schema.signals.c, schema.entries.c, schema.complaints.c
_FROM = sa.bindparam("from", type_=sa.Text)
_LAST = sa.bindparam("last", type_=sa.Text)
_CASES = (
    sa.select(
        _c.number, _c.rulebook, _c.opened_at, _c.stage, _c.is_moving, _c.lead, _c.result, _c.category, _c.district,
        _m.matter,
    )
    .join_from(schema.cases, schema.complaints, _m.number == _c.number)
    .where(_c.number > _FROM)
    .order_by(_c.number)
    .limit(sa.bindparam("page", type_=sa.Integer))
)  # fmt: skip
_telling = sa.type_coerce(sa.case((_s.action.in_(sorted(TELLING)), _e.data)), sa.JSON)
_DEEDS = (
    sa.select(_s.number, _s.action, _s.assignment, _e.at, _telling.label("data"))
    .join_from(schema.signals, schema.entries, sa.and_(_e.number == _s.number, _e.seq == _s.first_seq))
    .where(_s.number > _FROM, _s.number <= _LAST)
    .order_by(_s.number, _s.first_seq)
)


async def pasts(db: Database, *, since: datetime, page: int = PAGE) -> AsyncIterator[list[Past]]:
    """Cases received from the city's day of ``since`` on, in the order of their numbers."""
    last = numbers_from(since)
    while True:
        async with db.read() as connection:
            cases = (await connection.execute(_CASES, {"from": last, "page": page})).all()
            if not cases:
                return
            deeds = await _deeds(connection, last, cases[-1].number)
        yield [_past(row, deeds.get(row.number, ())) for row in cases]
        last = cases[-1].number


async def count_since(db: Database, since: datetime) -> int:
    """How many cases :func:`pasts` will tell."""
    counted = sa.select(sa.func.count()).select_from(schema.cases).where(_c.number > numbers_from(since))
    async with db.read() as connection:
        return int(await connection.scalar(counted) or 0)


async def _deeds(connection: AsyncConnection, first: str, last: str) -> dict[str, list[Deed]]:
    found: dict[str, list[Deed]] = {}
    for number, action, assignment, at, data in await connection.execute(_DEEDS, {"from": first, "last": last}):
        found.setdefault(number, []).append(Deed(micros(at), order_of(action, assignment, data)))
    return found


def _past(row: sa.Row[Any], deeds: Sequence[Deed]) -> Past:
    number, rulebook, opened_at, stage, is_moving, lead, result, category, district, matter = row
    return Past(
        number=number, rulebook=rulebook, complaint=Complaint(**({"subject": "", "description": ""} | matter)),
        opened_at=micros(opened_at), deeds=deeds, stage=None if is_moving else stage, lead=lead, result=result,
        category=category, district=district,
    )  # fmt: skip

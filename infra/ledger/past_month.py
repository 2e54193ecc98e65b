"""听得进批评: the figures of a period as the ledger has them, under the names that a simulation gives its own.

What it costs: three statements over the cases and assignments whose numbers lie up to ``BEFORE`` days before the period
(by primary key), and one over the entries of them that count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.numbers import numbers_from
from rules.case import CITIZEN
from rules.simulation.figures import COUNTED, RESULTS, RUNGS, at_share

BEFORE = timedelta(days=180)
"""Cases older than this are not looked for."""
YELLOW = "yellow_card"

_c, _a, _e = schema.cases.c, schema.assignments.c, schema.entries.c


@dataclass(frozen=True, slots=True)
class Month:
    """``city`` as :class:`rules.simulation.figures.Figures` has it; ``tasks``: department -> assignments it got;
    ``first``: when the oldest case came that was found, if any."""

    city: Mapping[str, float]
    tasks: Mapping[str, int] = field(default_factory=dict)
    first: datetime | None = None


async def month(db: Database, *, since: datetime, until: datetime) -> Month:
    async with db.read(snapshot=True) as connection:
        first, found = await _cases(connection, since, until)
        found |= await _entries(connection, since, until, closed=found["closed"])
        mine = _a.number > numbers_from(since - BEFORE), _a.opened_at >= since, _a.opened_at < until
        by_party = sa.select(_a.party, sa.func.count()).where(*mine, _a.role != CITIZEN).group_by(_a.party)
        tasks = {party: int(count) for party, count in await connection.execute(by_party)}
    return Month(found, tasks, first)


async def _cases(
    connection: AsyncConnection, since: datetime, until: datetime
) -> tuple[datetime | None, dict[str, float]]:
    known = sa.select(_c.opened_at, _c.closed_at, _c.result).where(_c.number > numbers_from(since - BEFORE))
    rows = [row for row in await connection.execute(known) if row.opened_at < until]
    closed = [row for row in rows if row.closed_at and since <= row.closed_at < until]
    whole = sorted((row.closed_at - row.opened_at).total_seconds() / 3600 for row in closed)
    ends = Counter(row.result for row in closed)
    found: dict[str, float] = {"received": sum(row.opened_at >= since for row in rows), "closed": len(closed)}
    for name, at in (("open_first", since), ("open_last", until)):
        found[name] = sum(row.opened_at < at and (row.closed_at is None or row.closed_at >= at) for row in rows)
    if whole:
        found["whole_mean"] = sum(whole) / len(whole)
        found |= {name: at_share(whole, share) for name, share in (("whole_median", 0.5), ("whole_p90", 0.9))}
        found["whole_p99"] = at_share(whole, 0.99)
    found |= {f"result_{name}": ends[name] for name in RESULTS}
    return min((row.opened_at for row in rows), default=None), found


async def _entries(connection: AsyncConnection, since: datetime, until: datetime, *, closed: float) -> dict[str, float]:
    """Cards and the like. A case ended late whose whole-case clock had reached a rung after the warning."""
    there = _e.number > numbers_from(since - BEFORE), _e.at >= since, _e.at < until
    rung = _e.data["rung"].as_string()
    counted = sa.select(_e.kind, rung.label("rung"), sa.func.count()).where(
        *there, _e.kind.in_([*COUNTED, "rung_reached"])
    )
    found: Counter[str] = Counter()
    for kind, name, count in await connection.execute(counted.group_by(_e.kind, rung)):
        found[COUNTED.get(kind, name)] += count
    figures: dict[str, float] = {name: found[name] for name in (*RUNGS, *COUNTED.values())}
    if closed:
        figures["late_share"] = await _late(connection, since, until) / closed
    return figures


async def _late(connection: AsyncConnection, since: datetime, until: datetime) -> int:
    over = sa.select(_c.number).where(
        _c.number > numbers_from(since - BEFORE), _c.closed_at >= since, _c.closed_at < until
    )
    whole = _e.data["clock"].as_string().like("whole_case%") & (_e.data["rung"].as_string() != YELLOW)
    late = sa.select(sa.func.count(_e.number.distinct())).where(_e.number.in_(over), _e.kind == "rung_reached", whole)
    return int(await connection.scalar(late) or 0)

"""One case is decided by one activation at a time: a lease with an expiry, and an attempt number that fences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.dossiers import UnknownCase
from infra.ledger.figures import PULSE
from infra.ledger.recording import LeaseHeld, NotWanted, StaleAttempt
from infra.moment import wall
from rules.case import Entry

LEASE = timedelta(seconds=45)
"""Wall time; a step takes milliseconds, its retries up to half a minute."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the ledger knows of the Prefect run of a case."""

    number: str
    process: str
    run_id: str | None
    closed_at: datetime | None
    lease_until: datetime | None
    is_moving: bool
    next_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def is_leased(self) -> bool:
        return self.lease_until is not None and self.lease_until > wall()

    def wants_a_wake(self, now: datetime) -> bool:
        """Whether the case has somewhere to go at ``now`` (case time)."""
        return self.is_moving or (self.next_at is not None and self.next_at <= now)


_COLUMNS = [
    schema.cases.c.number,
    schema.cases.c.process,
    schema.cases.c.run_id,
    schema.cases.c.closed_at,
    schema.cases.c.lease_until,
    schema.cases.c.is_moving,
    schema.cases.c.next_at,
]


_RUN = sa.select(*_COLUMNS).where(schema.cases.c.number == sa.bindparam("of"))


def is_idle(now: datetime | sa.BindParameter[Any]) -> sa.ColumnElement[bool]:
    """No activation holds the case at ``now`` (wall time)."""
    until = schema.cases.c.lease_until
    return sa.or_(until.is_(None), until <= now)


_c = schema.cases.c
_TAKE = (
    sa.update(schema.cases)
    .where(_c.number == sa.bindparam("of"), is_idle(sa.bindparam("at")))
    .values(attempt=_c.attempt + 1, lease_until=sa.bindparam("until"))
    .returning(_c.attempt, _c.unshown, _c.head, *_COLUMNS)
)
_WANTS = sa.or_(_c.is_moving, _c.next_at <= sa.bindparam("now"), _c.unshown.is_not(None), _c.lease_until.is_not(None))
_TAKE_IF_WANTED = _TAKE.where(_WANTS)
"""Of many workers that heard the same ring, those who come later find nothing to do, and nothing is what they do."""
_HELD = sa.update(schema.cases).where(_c.number == sa.bindparam("of"), _c.attempt == sa.bindparam("by"))
_HELD = _HELD.returning(*_COLUMNS)
_RELEASE = _HELD.values(lease_until=sa.null())
_e = schema.entries.c
_TO_SHOW = sa.select(sa.func.count()).where(_e.number == _c.number, _e.seq >= _c.unshown).scalar_subquery()
_SHOWN = _HELD.values(unshown=sa.case((sa.bindparam("count") == _TO_SHOW, sa.null()), else_=_c.unshown))
"""Made once: making them anew costs as much as carrying them out."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A case that was taken: the fencing token, the first entry that the run has not shown, if there is one, the hash
    of its last entry, and its run."""

    attempt: int
    unshown: int | None
    head: bytes
    run: Run


class Leases:
    """Who works on which case, and which Prefect run belongs to it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def take(self, number: str, *, if_wanted: datetime | None = None) -> Taken:
        """Take the case for one activation; ``if_wanted``: only if it has somewhere to go at that moment (case time),
        something to show, or a dead activation.

        Raises :class:`LeaseHeld`, :class:`NotWanted`, :class:`UnknownCase`.
        """
        at, moment = wall(), {"now": if_wanted} if if_wanted else {}
        take = _TAKE_IF_WANTED if if_wanted else _TAKE
        async with self._db.write_once() as connection:
            row = (await connection.execute(take, {"of": number, "at": at, "until": at + LEASE, **moment})).first()
            if row is None and if_wanted:
                raise NotWanted(number)
            if row is None:
                known = (await connection.execute(_RUN, {"of": number})).first()
                raise LeaseHeld(number) if known else UnknownCase(number)
        attempt, unshown, head, *columns = row
        return Taken(attempt, unshown, head, Run(*columns))

    async def release(self, number: str, attempt: int) -> Run:
        """Give the case back. The answer tells whether it wants another wake already (a signal came meanwhile, P9)."""
        return await self._mine(number, attempt, _RELEASE)

    async def run(self, number: str) -> Run:
        """Raises :class:`UnknownCase`."""
        async with self._db.read() as connection:
            row = (await connection.execute(_RUN, {"of": number})).first()
        if row is None:
            raise UnknownCase(number)
        return Run(*row)

    async def runs(self, run_ids: list[str]) -> dict[str, Run]:
        """Run id -> what the ledger knows, for the runs that belong to a case."""
        query = sa.select(*_COLUMNS).where(schema.cases.c.run_id.in_(run_ids))
        async with self._db.read() as connection:
            return {str(row.run_id): Run(*row) for row in await connection.execute(query)}

    async def bind(self, number: str, run_id: str) -> None:
        """Remember which Prefect run belongs to the case."""
        bound = sa.update(schema.cases).where(schema.cases.c.number == number)
        async with self._db.write_once() as connection:
            await connection.execute(bound.values(run_id=run_id, run_checked_at=wall()))

    async def to_wake(self, now: datetime, *, limit: int) -> list[Run]:
        """Cases that have somewhere to go at ``now`` (case time) or whose activation died, and that nobody works on.

        It asks "not yet done?", so a day of outage loses nothing; each part is one partial index, O(due), and begins
        with those that have waited longest: what moves by the day of its number.
        """
        c, wall_now = schema.cases.c, wall()
        wants = ((c.is_moving, c.number), (c.next_at <= now, c.next_at), (c.lease_until <= wall_now, c.lease_until))
        first = sa.select(*_COLUMNS).where(is_idle(wall_now)).limit(limit)
        parts = [first.where(wanted).order_by(longest) for wanted, longest in wants]
        async with self._db.read() as connection:
            rows = [row for part in parts for row in await connection.execute(part)]
        return list({row.number: Run(*row) for row in rows}.values())

    async def wanted(self, numbers: Sequence[str], now: datetime) -> list[str]:
        """Of these, the idle cases that have something to do at ``now`` (case time)."""
        query = sa.select(_c.number).where(_c.number.in_(numbers), is_idle(wall()), _WANTS)
        async with self._db.read() as connection:
            return [*await connection.scalars(query, {"now": now})]

    async def to_show(self, *, limit: int, after: str = "") -> list[str]:
        """Idle cases behind the number ``after`` whose run has not shown yet what a clock brought about."""
        c = schema.cases.c
        query = sa.select(c.number).where(c.unshown.is_not(None), c.number > after, is_idle(wall()))
        async with self._db.read() as connection:
            return [*await connection.scalars(query.order_by(c.number).limit(limit))]

    async def unshown(self, number: str) -> list[Entry]:
        """What the run has yet to show: the entries from the first one that a clock brought about."""
        c, e = schema.cases.c, schema.entries.c
        query = sa.select(e.kind, e.at, e.actor, e.data).join(schema.cases, c.number == e.number)
        query = query.where(c.number == number, e.seq >= c.unshown).order_by(e.seq)
        async with self._db.read() as connection:
            return [Entry(*row) for row in await connection.execute(query)]

    async def shown(self, number: str, attempt: int, *, count: int) -> None:
        """The run has shown so many entries; if a clock has added others since, it is asked to show all of them again.
        Raises :class:`StaleAttempt`."""
        await self._mine(number, attempt, _SHOWN, count=count)

    async def to_check(self, *, limit: int) -> list[Run]:
        """Open cases whose run was not looked at for longest, and from now on was. Only the pulse asks; it is noted."""
        c = schema.cases.c
        still_open = sa.select(*_COLUMNS).where(c.closed_at.is_(None)).order_by(c.run_checked_at, c.number)
        never, before = (c.run_checked_at.is_(None), c.run_checked_at.is_not(None))  # each in the index's own order
        async with self._db.write() as connection:
            found: list[Run] = []
            for part in (never, before):
                asked = still_open.where(part).limit(limit - len(found))
                found += [Run(*row) for row in await connection.execute(asked)]
            seen = sa.update(schema.cases).where(c.number.in_([run.number for run in found]))
            await connection.execute(seen.values(run_checked_at=wall()))
            await connection.execute(self._db.upsert(schema.beats), [{"name": PULSE, "at": wall()}])
        return found

    async def _mine(self, number: str, attempt: int, change: sa.Executable, **values: int) -> Run:
        """Change a case that this attempt holds; as it is then."""
        async with self._db.write_once() as connection:
            row = (await connection.execute(change, {"of": number, "by": attempt, **values})).first()
        if row is None:
            raise StaleAttempt(f"{number}: attempt {attempt} is over")
        return Run(*row)

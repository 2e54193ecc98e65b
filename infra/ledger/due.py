"""严肃追究责任: every rung of the ladder in its minute, also when ten thousand deadlines fall together.

The clocks that ran out are decided here a hundred cases in one transaction, whether or not Prefect can follow; each
case is marked, so that its own run shows afterwards what the clock said. A batch costs 2 reads (case rows, entries) and
up to 6 writes (entries, case rows, clocks set, clocks stopped, assignments, letters), each one statement.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.appending import Step, append
from infra.ledger.database import Database
from infra.ledger.leases import is_idle
from infra.ledger.recording import UNDECIDABLE
from infra.ledger.rulebooks import Shelf
from infra.moment import wall
from rules.case import Case, Entry, Signal
from rules.decide import TICK, decide
from rules.evolve import evolve, fold
from rules.rulebook import Rulebook

log = logging.getLogger("minsheng.ledger")

Place = tuple[datetime, str]
"""Where a batch stopped: when the last case was due, and its number."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One batch: the cases it decided, and the place behind which the next one begins; ``None``: there is none."""

    numbers: Sequence[str]
    rungs: int
    last: Place | None


class DueClocks:
    """Decides what clocks say that have run out. Several may do so at the same time: none waits for the other."""

    def __init__(self, db: Database, shelf: Shelf) -> None:
        self._db = db
        self._shelf = shelf

    async def decide(self, at: datetime, *, limit: int, after: Place | None = None) -> Decided:
        """The next ``limit`` cases due at ``at`` (case time) behind ``after``, those that waited longest first.

        Left out are cases that an activation holds, or that have a next stage to enter: their runs are at it.
        """
        async with self._db.write() as connection:
            rows = (await connection.execute(due(at, limit=limit, after=after))).all()
            if not rows:
                return Decided((), 0, None)
            cases = await _read(connection, [row.number for row in rows])
            books = await self._books(connection, cases.values())
            drawn = (_step(row, case, books.get(case.rulebook), at) for row in rows if (case := cases.get(row.number)))
            steps = [step for step in drawn if step is not None]
            if steps:
                await append(self._db, connection, steps)
        last = (rows[-1].next_at, rows[-1].number)
        return Decided([step.after.number for step in steps], _rungs(steps), last if len(rows) == limit else None)

    async def _books(self, connection: AsyncConnection, cases: Iterable[Case]) -> dict[str, Rulebook]:
        found = {}
        for version in {case.rulebook for case in cases}:
            with _left_to_the_run(f"whatever is under rulebook {version}"):
                found[version] = await self._shelf.on(connection, version)
        return found


def due(at: datetime, *, limit: int, after: Place | None = None) -> sa.Select[Any]:
    """O(due): one walk along the index of running clocks, which ends at ``at``; nobody waits for a row held by
    somebody else."""
    c = schema.cases.c
    wanted = sa.select(c.number, c.head, c.unshown, c.next_at).where(c.next_at <= at, ~c.is_moving, is_idle(wall()))
    if after is not None:
        here, there = (
            sa.tuple_(c.next_at, c.number),
            sa.tuple_(sa.literal(after[0], c.next_at.type), sa.literal(after[1])),
        )
        wanted = wanted.where(c.next_at >= after[0], here > there)
    return wanted.order_by(c.next_at, c.number).limit(limit).with_for_update(skip_locked=True)


async def _read(connection: AsyncConnection, numbers: Sequence[str]) -> dict[str, Case]:
    """The cases, each folded from its entries."""
    e = schema.entries.c
    query = sa.select(e.number, e.kind, e.at, e.actor, e.data).where(e.number.in_(numbers))
    rows = await connection.execute(query.order_by(e.number, e.seq))
    cases = {}
    for number, own in groupby(rows, lambda row: str(row[0])):
        with _left_to_the_run(number):
            cases[number] = fold(number, (Entry(*row[1:]) for row in own))
    return cases


def _step(row: Any, case: Case, book: Rulebook | None, at: datetime) -> Step | None:
    """What the clocks of one case say; nothing when it cannot be decided here."""
    new: list[Entry] = []
    after = case
    if book is not None:
        with _left_to_the_run(case.number):
            new = decide(book, case, Signal(TICK), max(at, case.updated_at or at))
            for entry in new:
                after = evolve(after, entry)
    return Step(case, after, new, row.head, unshown=row.unshown or case.seq + 1) if new else None


@contextmanager
def _left_to_the_run(what: str) -> Iterator[None]:
    """One case that is broken does not stop the others; its run is woken, and operators see it fail."""
    try:
        yield
    except UNDECIDABLE:
        log.exception("%s is left to its run", what)


def _rungs(steps: Iterable[Step]) -> int:
    return sum(entry.kind == "rung_reached" for step in steps for entry in step.new)

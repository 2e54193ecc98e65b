"""One commit of the database per step: read the entries, ask the rules, append, project, queue the letters.

What a step costs, whatever the size of the ledger: ``record`` reads once or twice (the case row; entries that this
process does not know yet; once more with a key or at the first step) and writes 2 to 8 times (entries, case row,
always; signal, assignments, clocks set, clocks stopped, promise, letters, each only when there are any), each with one
statement for all its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.appending import Step, append
from infra.ledger.database import Database
from infra.ledger.dossiers import Dossier, Dossiers, UnknownCase
from infra.ledger.rulebooks import Shelf
from infra.ledger.seal import fingerprint
from infra.moment import wall
from rules.case import Case, Complaint, Entry, Signal
from rules.decide import PROCEED, TICK, decide
from rules.evolve import evolve

_of: sa.BindParameter[str] = sa.bindparam("of")
_c = schema.cases.c
_LOCK = sa.select(_c.head, _c.attempt).where(_c.number == _of).with_for_update()
_MATTER = sa.select(schema.complaints.c.matter).where(schema.complaints.c.number == _of)
_ADD_SIGNAL = sa.insert(schema.signals)
"""Statements of every step, made once: making them anew was a good part of what a step cost the processor."""


class StaleAttempt(Exception):
    """Another activation has taken the case since; this one must stop without a trace (fencing)."""


class LeaseHeld(Exception):
    """Another activation of the same case is at work."""


class KeyReused(Exception):
    """The idempotency key was used before for something else; use a new key for a new matter."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The case after a signal, and the entries it added; ``repeated``: the signal was known already."""

    case: Case
    entries: Sequence[Entry]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What a transaction has to know before it appends."""

    hash: bytes
    attempt: int


class Recorder:
    """The only writer of entries."""

    def __init__(self, db: Database, shelf: Shelf, dossiers: Dossiers) -> None:
        self._db = db
        self._shelf = shelf
        self._dossiers = dossiers

    async def record(
        self, number: str, signal: Signal, *, at: datetime, key: str | None = None, attempt: int | None = None
    ) -> Recorded:
        """Decide ``signal`` and append what follows, in one transaction.

        ``attempt`` fences an activation of the run. Raises ``Refusal``, :class:`UnknownCase`, :class:`StaleAttempt`
        and :class:`KeyReused`; then nothing changed.
        """
        async with self._db.write() as connection:
            head = await _lock(connection, number)
            if attempt is not None and attempt != head.attempt:
                raise StaleAttempt(f"{number}: attempt {attempt} was overtaken by {head.attempt}")
            dossier = await self._dossiers.read(connection, number, head=head.hash)
            case = dossier.case
            if key and await _is_repeated(connection, number, key, signal):
                return Recorded(case, (), repeated=True)
            decided = await self._decide(connection, case, signal, at)
            if not decided:
                return Recorded(case, ())
            after = reduce(evolve, decided, case)
            [end] = await append(self._db, connection, [Step(case, after, decided, head.hash)])
            if signal.action not in (PROCEED, TICK):
                await _keep_signal(connection, number, signal, key, first=case.seq + 1, last=after.seq)
        self._dossiers.keep(Dossier(after, (*dossier.entries, *decided), end))
        return Recorded(after, decided)

    async def add(self, number: str, judge: Callable[[Case], Sequence[Entry]]) -> Recorded:
        """Append what ``judge`` makes of a case: what the city does to it, such as a migration.

        Whatever activation was at work on it is over then. Raises :class:`LeaseHeld` while one is,
        :class:`UnknownCase`, and what ``judge`` raises; then nothing changed.
        """
        async with self._db.write() as connection:
            head = await _seize(connection, number)
            case = (await self._dossiers.read(connection, number, head=head.hash)).case
            decided = judge(case)
            after = reduce(evolve, decided, case)
            if decided:
                await append(self._db, connection, [Step(case, after, decided, head.hash)])
        return Recorded(after, decided)

    async def _decide(self, connection: AsyncConnection, case: Case, signal: Signal, at: datetime) -> list[Entry]:
        book = await self._shelf.on(connection, case.rulebook)
        if signal.action == PROCEED and not case.visits:
            signal = replace(signal, complaint=await read_complaint(connection, case.number))
        return decide(book, case, signal, max(at, case.updated_at or at))  # the clocks of two machines may differ


async def read_complaint(connection: AsyncConnection, number: str) -> Complaint:
    """What the citizen brought. Raises :class:`UnknownCase`."""
    matter = await connection.scalar(_MATTER, {"of": number})
    if matter is None:
        raise UnknownCase(number)
    return complaint_of(matter)


def complaint_of(matter: Mapping[str, Any]) -> Complaint:
    """A complaint as the ledger keeps it, without what is empty."""
    return Complaint(**{"subject": "", "description": "", **matter})


async def _lock(connection: AsyncConnection, number: str) -> Head:
    """Hold the case row until the transaction ends; one case is decided by one writer at a time."""
    row = (await connection.execute(_LOCK, {"of": number})).first()
    if row is None:
        raise UnknownCase(number)
    return Head(row.head, row.attempt)


async def _seize(connection: AsyncConnection, number: str) -> Head:
    """Hold a case that no activation has, and fence off the last one. Raises :class:`LeaseHeld`."""
    c = schema.cases.c
    head = await _lock(connection, number)
    free = sa.and_(c.number == number, sa.or_(c.lease_until.is_(None), c.lease_until <= wall()))
    if (await connection.execute(sa.update(schema.cases).where(free).values(attempt=c.attempt + 1))).rowcount == 0:
        raise LeaseHeld(number)
    return head


async def _is_repeated(connection: AsyncConnection, number: str, key: str, signal: Signal) -> bool:
    """Whether this signal was recorded before under ``key``. Raises :class:`KeyReused` when it was another one."""
    s = schema.signals.c
    query = sa.select(s.digest).where(s.number == number, s.key == fingerprint(key))
    digest = await connection.scalar(query)
    if digest is not None and digest != _digest(signal):
        raise KeyReused("this key stands for another answer")
    return digest is not None


async def _keep_signal(
    connection: AsyncConnection, number: str, signal: Signal, key: str | None, *, first: int, last: int
) -> None:
    row: dict[str, Any] = {"number": number, "first_seq": first, "last_seq": last, "action": signal.action}
    row |= {"assignment": signal.assignment, **marks(key, _digest(signal))}
    await connection.execute(_ADD_SIGNAL, row)


def marks(key: str | None, digest: bytes) -> dict[str, bytes | None]:
    """By what a request is recognised when it comes again; without a key it cannot be."""
    return {"key": fingerprint(key), "digest": digest} if key else {"key": None, "digest": None}


def _digest(signal: Signal) -> bytes:
    return fingerprint(signal.action, signal.assignment, dict(signal.data))

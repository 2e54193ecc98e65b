"""One commit of the database per step: read the entries, ask the rules, append, project, queue the letters.

What a step costs, whatever the size of the ledger: ``record`` reads 2 times (case row, entries; 3 times with a key or
at the first step) and writes 2 to 8 times (entries, case row, always; signal, assignments, clocks set, clocks stopped,
promise, letters, each only when there are any), each with one statement for all its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra import chance
from infra.ledger import outbox, schema
from infra.ledger.chain import GENESIS, link
from infra.ledger.database import Database
from infra.ledger.projections import case_row, project
from infra.ledger.rulebooks import Shelf
from infra.ledger.seal import fingerprint
from infra.moment import wall
from rules.case import Case, Complaint, Entry, Signal
from rules.decide import PROCEED, TICK, decide, submit
from rules.evolve import evolve, fold
from rules.fields import CITY_ZONE

NUMBER_PREFIX = "QD"
NUMBER_LENGTH = len(NUMBER_PREFIX) + len("yymmdd-") + 8


class UnknownCase(Exception):
    """There is no case with this number."""


class StaleAttempt(Exception):
    """Another activation has taken the case since; this one must stop without a trace (fencing)."""


class LeaseHeld(Exception):
    """Another activation of the same case is at work."""


class KeyReused(Exception):
    """The idempotency key was used before for something else; use a new key for a new matter."""


class Unstorable(ValueError):
    """A text holds characters that no database keeps (NUL, halves of surrogate pairs)."""


@dataclass(frozen=True, slots=True)
class Person:
    """The complainant; kept apart from the case and encrypted. All fields may be empty."""

    name: str = ""
    phone: str = ""
    email: str = ""

    @property
    def is_known(self) -> bool:
        return bool(self.name or self.phone or self.email)


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

    def __init__(self, db: Database, shelf: Shelf) -> None:
        self._db = db
        self._shelf = shelf

    async def submit(self, complaint: Complaint, person: Person, *, at: datetime, key: str | None) -> Recorded:
        """A new case. The same ``key`` with the same content gives the same case again.

        Raises :class:`KeyReused`, :class:`Unstorable` and ``NoRulebook``; then nothing changed.
        """
        matter = {k: v for k, v in asdict(complaint).items() if v not in (None, "", False)}
        row = {"matter": matter, "person": asdict(person) if person.is_known else None}
        _check_storable([*matter.values(), *asdict(person).values()])
        book = await self._shelf.active(at)
        request = _marks(key, fingerprint(asdict(complaint), asdict(person)))
        async with self._db.write() as connection:
            number = await _new_number(connection, at)
            known = await self._register(connection, {"number": number} | row | request)
            if known is not None:
                return Recorded(fold(known, await read_entries(connection, known)), (), repeated=True)
            decided = submit(book, number, complaint, at)
            case = fold(number, decided)
            await self._append(connection, None, case, decided, GENESIS)
        return Recorded(case, decided)

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
            case = fold(number, await read_entries(connection, number))
            if key and await _is_repeated(connection, number, key, signal):
                return Recorded(case, (), repeated=True)
            decided = await self._decide(connection, case, signal, at)
            if not decided:
                return Recorded(case, ())
            after = case
            for entry in decided:
                after = evolve(after, entry)
            await self._append(connection, case, after, decided, head.hash)
            if signal.action not in (PROCEED, TICK):
                await _keep_signal(connection, number, signal, key, first=case.seq + 1, last=after.seq)
        return Recorded(after, decided)

    async def add(self, number: str, judge: Callable[[Case], Sequence[Entry]]) -> Recorded:
        """Append what ``judge`` makes of a case: what the city does to it, such as a migration.

        Whatever activation was at work on it is over then. Raises :class:`LeaseHeld` while one is,
        :class:`UnknownCase`, and what ``judge`` raises; then nothing changed.
        """
        async with self._db.write() as connection:
            head = await _seize(connection, number)
            case = after = fold(number, await read_entries(connection, number))
            decided = judge(case)
            for entry in decided:
                after = evolve(after, entry)
            if decided:
                await self._append(connection, case, after, decided, head.hash)
        return Recorded(after, decided)

    async def _register(self, connection: AsyncConnection, row: Mapping[str, Any]) -> str | None:
        """Put the complaint in; the number of the earlier case when its key is known. Raises :class:`KeyReused`.

        Two requests with one key meet at the unique index: the second waits for the first and then finds it.
        """
        c = schema.complaints.c
        added = self._db.insert(schema.complaints).values(row)
        unless_known = added.on_conflict_do_nothing(index_elements=[c.key], index_where=c.key.is_not(None))
        if await connection.scalar(unless_known.returning(c.number)) is not None:
            return None
        known = (await connection.execute(sa.select(c.number, c.digest).where(c.key == row["key"]))).one()
        if known.digest != row["digest"]:
            raise KeyReused("this key stands for another complaint")
        return str(known.number)

    async def _decide(self, connection: AsyncConnection, case: Case, signal: Signal, at: datetime) -> list[Entry]:
        book = await self._shelf.on(connection, case.rulebook)
        if signal.action == PROCEED and not case.visits:
            signal = replace(signal, complaint=await read_complaint(connection, case.number))
        return decide(book, case, signal, max(at, case.updated_at or at))  # the clocks of two machines may differ

    async def _append(
        self, connection: AsyncConnection, before: Case | None, case: Case, new: Sequence[Entry], head: bytes
    ) -> None:
        first = (before.seq if before else 0) + 1
        rows = []
        for seq, entry in enumerate(new, first):
            head = link(head, case.number, seq, entry)
            said = {"kind": entry.kind, "at": entry.at, "actor": entry.actor, "data": dict(entry.data)}
            rows.append({"number": case.number, "seq": seq, **said, "hash": head})
        await connection.execute(sa.insert(schema.entries), rows)
        values = {**case_row(case), "head": head}
        if before is None:
            await connection.execute(sa.insert(schema.cases).values(number=case.number, **values))
        else:
            await connection.execute(sa.update(schema.cases).where(schema.cases.c.number == case.number).values(values))
        await project(self._db, connection, before, case)
        await outbox.queue(connection, case.number, first, new)


async def read_entries(connection: AsyncConnection, number: str) -> list[Entry]:
    """All entries of a case, oldest first. Raises :class:`UnknownCase`."""
    e = schema.entries.c
    query = sa.select(e.kind, e.at, e.actor, e.data).where(e.number == number).order_by(e.seq)
    found = [Entry(*row) for row in await connection.execute(query)]
    if not found:
        raise UnknownCase(number)
    return found


async def read_complaint(connection: AsyncConnection, number: str) -> Complaint:
    """What the citizen brought. Raises :class:`UnknownCase`."""
    matter = await connection.scalar(sa.select(schema.complaints.c.matter).where(schema.complaints.c.number == number))
    if matter is None:
        raise UnknownCase(number)
    return Complaint(**({"subject": "", "description": ""} | matter))


async def _lock(connection: AsyncConnection, number: str) -> Head:
    """Hold the case row until the transaction ends; one case is decided by one writer at a time."""
    c = schema.cases.c
    row = (await connection.execute(sa.select(c.head, c.attempt).where(c.number == number).with_for_update())).first()
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
    row |= {"assignment": signal.assignment, **_marks(key, _digest(signal))}
    await connection.execute(sa.insert(schema.signals).values(row))


def _marks(key: str | None, digest: bytes) -> dict[str, bytes | None]:
    """By what a request is recognised when it comes again; without a key it cannot be."""
    return {"key": fingerprint(key), "digest": digest} if key else {"key": None, "digest": None}


def _digest(signal: Signal) -> bytes:
    return fingerprint(signal.action, signal.assignment, dict(signal.data))


async def _new_number(connection: AsyncConnection, at: datetime) -> str:
    """A number that tells the city's day and nothing else; 30^8 per day, so a clash is a matter of form."""
    while True:
        number = f"{NUMBER_PREFIX}{at.astimezone(CITY_ZONE):%y%m%d}-{chance.letters(8)}"
        known = sa.select(schema.complaints.c.number).where(schema.complaints.c.number == number)
        if await connection.scalar(known) is None:
            return number


def _check_storable(values: Sequence[Any]) -> None:
    for text in values:
        if isinstance(text, str) and ("\0" in text or any("\ud800" <= c <= "\udfff" for c in text)):
            raise Unstorable("a text contains characters that cannot be stored")

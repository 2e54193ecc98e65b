"""One commit of the database per step: read the entries, ask the rules, append, project, queue the letters."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra import chance
from infra.ledger import outbox, schema
from infra.ledger.chain import GENESIS, link
from infra.ledger.database import Database, compact
from infra.ledger.projections import case_row, project
from infra.ledger.rulebooks import Shelf
from rules.case import Case, Complaint, Entry, Signal
from rules.decide import PROCEED, TICK, decide, submit
from rules.evolve import evolve, fold

NUMBER_PREFIX = "QD"


class UnknownCase(Exception):
    """There is no case with this number."""


class StaleAttempt(Exception):
    """Another activation has taken the case since; this one must stop without a trace (fencing)."""


class KeyReused(Exception):
    """The idempotency key was used before for something else; use a new key for a new matter."""


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
    """The only writer of entries. A step costs 4 reads and at most 7 writes, whatever the size of the ledger."""

    def __init__(self, db: Database, shelf: Shelf) -> None:
        self._db = db
        self._shelf = shelf

    async def submit(self, complaint: Complaint, person: Person, *, at: datetime, key: str | None) -> Recorded:
        """A new case. The same ``key`` with the same content gives the same case again; raises :class:`KeyReused`."""
        book = await self._shelf.active()
        known_as = f"submit:{key}" if key else f"submit:{chance.token()}"
        digest = _digest(asdict(complaint), asdict(person))
        async with self._db.write() as connection:
            if known := await _known(connection, known_as, digest):
                return Recorded(await self._fold(connection, known), (), repeated=True)
            number = await _new_number(connection, at)
            decided = submit(book, number, complaint, at)
            case = fold(number, decided)
            matter = {k: v for k, v in asdict(complaint).items() if v not in (None, "", False)}
            row = {"number": number, "matter": matter, "person": asdict(person) if person.is_known else None}
            await connection.execute(sa.insert(schema.complaints).values(row))
            await self._append(connection, None, case, decided, GENESIS)
            await connection.execute(_signal_row(known_as, number, "submit", digest=digest, seq=1, at=at))
        return Recorded(case, decided)

    async def record(
        self, number: str, signal: Signal, *, at: datetime, key: str | None = None, attempt: int | None = None
    ) -> Recorded:
        """Decide ``signal`` and append what follows, in one transaction.

        ``attempt`` fences an activation of the run. Raises ``Refusal``, :class:`UnknownCase`, :class:`StaleAttempt`
        and :class:`KeyReused`; then nothing changed.
        """
        ours = signal.action in (PROCEED, TICK)
        known_as = f"{number}:{key or chance.token()}"
        digest = _digest(signal.action, signal.assignment, dict(signal.data))
        async with self._db.write() as connection:
            head = await _lock(connection, number)
            if attempt is not None and attempt != head.attempt:
                raise StaleAttempt(f"{number}: attempt {attempt} was overtaken by {head.attempt}")
            case = await self._fold(connection, number)
            if not ours and key and await _known(connection, known_as, digest):
                return Recorded(case, (), repeated=True)
            book = await self._shelf.version(case.rulebook)
            if signal.action == PROCEED and not case.visits:
                signal = Signal(PROCEED, complaint=await read_complaint(connection, number))
            decided = decide(book, case, signal, max(at, case.updated_at or at))
            if not decided:
                return Recorded(case, ())
            after = case
            for entry in decided:
                after = evolve(after, entry)
            await self._append(connection, case, after, decided, head.hash)
            if not ours:
                await connection.execute(
                    _signal_row(known_as, number, signal.action, digest=digest, seq=case.seq + 1, at=at)
                )
        return Recorded(after, decided)

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

    async def _fold(self, connection: AsyncConnection, number: str) -> Case:
        return fold(number, await read_entries(connection, number))


async def read_entries(connection: AsyncConnection, number: str) -> list[Entry]:
    """All entries of a case, oldest first. Raises :class:`UnknownCase`."""
    e = schema.entries.c
    query = sa.select(e.kind, e.at, e.actor, e.data).where(e.number == number).order_by(e.seq)
    found = [Entry(*row) for row in await connection.execute(query)]
    if not found:
        raise UnknownCase(number)
    return found


async def read_complaint(connection: AsyncConnection, number: str) -> Complaint:
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


async def _known(connection: AsyncConnection, key: str, digest: bytes) -> str | None:
    """The number of the case this key belongs to. Raises :class:`KeyReused` when it stood for something else."""
    s = schema.signals.c
    row = (await connection.execute(sa.select(s.number, s.digest).where(s.key == key))).first()
    if row is not None and row.digest != digest:
        raise KeyReused(key.partition(":")[2])
    return row.number if row else None


def _signal_row(key: str, number: str, action: str, *, digest: bytes, seq: int, at: datetime) -> sa.Insert:
    row = {"key": key, "number": number, "action": action, "digest": digest, "first_seq": seq, "received_at": at}
    return sa.insert(schema.signals).values(row)


async def _new_number(connection: AsyncConnection, at: datetime) -> str:
    """A number that tells the day and nothing else; 30^8 per day, so a clash is a matter of form."""
    while True:
        number = f"{NUMBER_PREFIX}{at:%y%m%d}-{chance.letters(8)}"
        taken = await connection.scalar(sa.select(schema.cases.c.seq).where(schema.cases.c.number == number))
        if taken is None:
            return number


def _digest(*content: Any) -> bytes:
    return hashlib.sha256(compact(content).encode()).digest()

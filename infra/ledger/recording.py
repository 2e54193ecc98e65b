"""One commit of the database per step: read the entries, ask the rules, append, project, queue the letters.

What a step costs, whatever the size of the ledger: ``record`` reads 2 times (case row, entries; 3 times with a key or
at the first step) and writes 2 to 8 times (entries, case row, always; signal, assignments, clocks set, clocks stopped,
promise, letters, each only when there are any), each with one statement for all its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra import chance
from infra.ledger import schema
from infra.ledger.appending import Step, append
from infra.ledger.chain import GENESIS
from infra.ledger.database import Database
from infra.ledger.rulebooks import Shelf
from infra.ledger.seal import fingerprint
from infra.moment import wall
from rules.case import Case, Complaint, Entry, Signal
from rules.decide import PROCEED, TICK, decide, submit
from rules.evolve import evolve, fold
from rules.fields import CITY_ZONE
from rules.rulebook import Rulebook

NUMBER_PREFIX = "QD"
NUMBER_LENGTH = len(NUMBER_PREFIX) + len("yymmdd-") + 8


_of: sa.BindParameter[str] = sa.bindparam("of")
_c, _e = schema.cases.c, schema.entries.c
_LOCK = sa.select(_c.head, _c.attempt).where(_c.number == _of).with_for_update()
_ENTRIES = sa.select(_e.kind, _e.at, _e.actor, _e.data).where(_e.number == _of).order_by(_e.seq)
_MATTER = sa.select(schema.complaints.c.matter).where(schema.complaints.c.number == _of)
_ADD_SIGNAL = sa.insert(schema.signals)
"""Statements of every step, made once: making them anew was a good part of what a step cost the processor."""


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
        added = db.insert(schema.complaints).on_conflict_do_nothing()
        self._add_complaint = db.written_out(added.returning(schema.complaints.c.number), schema.complaints)

    async def submit(
        self, complaint: Complaint, person: Person, *, at: datetime, key: str | None, book: Rulebook | None = None
    ) -> Recorded:
        """A new case under ``book``, else under the rulebook in force at ``at``. The same ``key`` with the same content
        gives the same case again.

        Raises :class:`KeyReused`, :class:`Unstorable` and ``NoRulebook``; then nothing changed.
        """
        request = request_row(complaint, person, key)
        book = book or await self._shelf.active(at)
        async with self._db.write() as connection:
            number, is_known = await self._register(connection, request, at)
            if is_known:
                return Recorded(fold(number, await read_entries(connection, number)), (), repeated=True)
            decided = submit(book, number, complaint, at)
            case = fold(number, decided)
            await append(self._db, connection, [Step(None, case, decided, GENESIS)])
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
            await append(self._db, connection, [Step(case, after, decided, head.hash)])
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
                await append(self._db, connection, [Step(case, after, decided, head.hash)])
        return Recorded(after, decided)

    async def _register(self, connection: AsyncConnection, row: Mapping[str, Any], at: datetime) -> tuple[str, bool]:
        """Put the complaint in: its number, and whether its key was known already. Raises :class:`KeyReused`.

        Two requests with one key meet at the unique index: the second waits for the first and then finds it. A number
        that was given before (30^8 a day) is drawn again.
        """
        c = schema.complaints.c
        while True:
            number = number_on(at)
            if await connection.scalar(self._add_complaint, {"number": number, **row}) is not None:
                return number, False
            same = sa.select(c.number, c.digest).where(c.key == row["key"])
            known = (await connection.execute(same)).first() if row["key"] else None
            if known is None:
                continue
            if known.digest != row["digest"]:
                raise KeyReused("this key stands for another complaint")
            return str(known.number), True

    async def _decide(self, connection: AsyncConnection, case: Case, signal: Signal, at: datetime) -> list[Entry]:
        book = await self._shelf.on(connection, case.rulebook)
        if signal.action == PROCEED and not case.visits:
            signal = replace(signal, complaint=await read_complaint(connection, case.number))
        return decide(book, case, signal, max(at, case.updated_at or at))  # the clocks of two machines may differ


def request_row(complaint: Complaint, person: Person, key: str | None) -> dict[str, Any]:
    """What ``complaints`` keeps of a submission, but for its number. Raises :class:`Unstorable`."""
    told, who = ({name: getattr(one, name) for name in one.__slots__} for one in (complaint, person))
    matter = {k: v for k, v in told.items() if v not in (None, "", False)}
    _check_storable([*matter.values(), *who.values()])
    return {"matter": matter, "person": who if person.is_known else None, **_marks(key, fingerprint(told, who))}


async def read_entries(connection: AsyncConnection, number: str) -> list[Entry]:
    """All entries of a case, oldest first. Raises :class:`UnknownCase`."""
    found = [Entry(*row) for row in await connection.execute(_ENTRIES, {"of": number})]
    if not found:
        raise UnknownCase(number)
    return found


async def read_complaint(connection: AsyncConnection, number: str) -> Complaint:
    """What the citizen brought. Raises :class:`UnknownCase`."""
    matter = await connection.scalar(_MATTER, {"of": number})
    if matter is None:
        raise UnknownCase(number)
    return Complaint(**({"subject": "", "description": ""} | matter))


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
    row |= {"assignment": signal.assignment, **_marks(key, _digest(signal))}
    await connection.execute(_ADD_SIGNAL, row)


def _marks(key: str | None, digest: bytes) -> dict[str, bytes | None]:
    """By what a request is recognised when it comes again; without a key it cannot be."""
    return {"key": fingerprint(key), "digest": digest} if key else {"key": None, "digest": None}


def _digest(signal: Signal) -> bytes:
    return fingerprint(signal.action, signal.assignment, dict(signal.data))


def number_on(at: datetime) -> str:
    """A number that tells the city's day and nothing else."""
    return f"{NUMBER_PREFIX}{at.astimezone(CITY_ZONE):%y%m%d}-{chance.letters(8)}"


def _check_storable(values: Sequence[Any]) -> None:
    for text in values:
        if isinstance(text, str) and not text.isprintable() and not _is_kept(text):
            raise Unstorable("a text contains characters that cannot be stored")


def _is_kept(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)

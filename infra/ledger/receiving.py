"""建立台账: complaints come in alone, many at a time, or by the hundred from files, each with the same guarantees.

Some hundred share a transaction; a single complaint is a batch of one. On PostgreSQL it is one statement
(``at_once``), unless a key was known before. Else, and on SQLite, 4 writes (complaints, entries, case rows, the
citizens' assignments), each one statement for all its rows, and one look for the keys that were known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.appending import Step, append
from infra.ledger.at_once import put_in_at_once
from infra.ledger.chain import GENESIS
from infra.ledger.database import Database
from infra.ledger.dossiers import Dossiers, UnknownCase
from infra.ledger.numbers import number_on
from infra.ledger.recording import KeyReused, Recorded, complaint_of, marks
from infra.ledger.rulebooks import Shelf
from infra.ledger.seal import fingerprint
from infra.together import Together
from rules.case import Case, Complaint, Entry
from rules.decide import submit
from rules.evolve import fold
from rules.rulebook import Rulebook

AT_ONCE = 200
"""Complaints of one transaction, when they come one by one."""

_c = schema.complaints.c
_TOLD = sa.select(_c.matter, _c.person).where(_c.number == sa.bindparam("of"))


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
class Told:
    """One complaint of many; by its ``key`` it is recognised when it comes again."""

    complaint: Complaint
    person: Person
    key: str | None


Outcome = bool | KeyReused | Unstorable
"""Whether a complaint is new, or why it was not taken in."""


class _Request:
    """A complaint on its way in: first its case as it would be, then what became of it."""

    def __init__(self, told: Told, book: Rulebook, at: datetime) -> None:
        """Raises :class:`Unstorable`."""
        self.row = request_row(told.complaint, told.person, told.key)
        self.key: bytes | None = self.row["key"]
        self.known: str | None = None
        """The number under which the same complaint came in before."""
        self.is_stored = False
        self.fault: Exception | None = None
        self._told, self._book, self._at = told, book, at
        self.decide()

    def decide(self) -> None:
        """A number, and the first entry of the case that bears it."""
        self.number = self.row["number"] = number_on(self._at)
        self.entries: Sequence[Entry] = submit(self._book, self.number, self._told.complaint, self._at)
        self.case: Case = fold(self.number, self.entries)

    @property
    def step(self) -> Step:
        return Step(None, self.case, self.entries, GENESIS)


class Receiver:
    """Takes complaints in: all of a batch that is new, or nothing; then what may have come before, all or nothing."""

    def __init__(self, db: Database, shelf: Shelf, dossiers: Dossiers) -> None:
        self._db = db
        self._shelf = shelf
        self._dossiers = dossiers
        self._add = db.insert(schema.complaints).on_conflict_do_nothing().returning(_c.number)
        self._add_one = db.written_out(self._add, schema.complaints)
        self._together = Together(self._receive, most=AT_ONCE)

    async def submit(
        self, complaint: Complaint, person: Person, *, at: datetime, key: str | None, book: Rulebook | None = None
    ) -> Recorded:
        """A new case under ``book``, else under the rulebook in force at ``at``. The same ``key`` with the same content
        gives the same case again.

        Raises :class:`KeyReused`, :class:`Unstorable` and ``NoRulebook``; then nothing changed.
        """
        one = _Request(Told(complaint, person, key), book or await self._shelf.active(at), at)
        await self._together.ask(one)
        if one.fault is not None:
            raise one.fault
        if one.known is None:
            return Recorded(one.case, one.entries)
        async with self._db.read() as connection:
            return Recorded((await self._dossiers.read(connection, one.known)).case, (), repeated=True)

    async def submit_many(self, batch: Sequence[Told], *, at: datetime) -> list[Outcome]:
        """What became of each, in the order given; a bad one stops no other. Raises ``NoRulebook``."""
        book = await self._shelf.active(at)
        asked = [_request(told, book, at) for told in batch]
        await self._store([one for one in asked if isinstance(one, _Request)])
        return [_outcome(one) if isinstance(one, _Request) else one for one in asked]

    async def _receive(self, requests: Sequence[_Request]) -> Sequence[_Request]:
        """Requests of people who do not know each other: what the database cannot take of one stops no other."""
        try:
            await self._store(requests)
        except (sa.exc.DataError, sa.exc.IntegrityError) as fault:
            if len(requests) == 1:
                requests[0].fault = fault
            else:
                for one in requests:
                    await self._receive([one])
        return requests

    async def _store(self, requests: Sequence[_Request]) -> None:
        """In one transaction, or, where some were known before, in two. Two that bring the same keys at the same time
        do so in the same order, and meet at the unique index: the second waits for the first and then finds what it
        stored."""
        todo = sorted((one for one in requests if not one.is_stored), key=lambda one: one.key or b"")
        for one in todo:
            one.known = one.fault = None
        if todo and not self._db.is_sqlite:
            todo = await self._at_once(todo)
        if todo:
            await self._in_steps(todo)

    async def _at_once(self, requests: list[_Request]) -> list[_Request]:
        """Those whose key or number was known before, of whom nothing was written."""
        _part(requests)
        async with self._db.write_once() as connection:
            rows, steps = [one.row for one in requests], [one.step for one in requests]
            taken = await put_in_at_once(connection, rows, steps)
        for one in requests:
            one.is_stored = one.number in taken
        return [one for one in requests if not one.is_stored]

    async def _in_steps(self, todo: list[_Request]) -> None:
        added: list[_Request] = []
        async with self._db.write() as connection:
            while todo:
                _part(todo)
                taken = await self._put_in(connection, [one.row for one in todo])
                added += [one for one in todo if one.number in taken]
                todo = await _not_known([one for one in todo if one.number not in taken], connection)
                for one in todo:
                    one.decide()  # its number was given before (30^8 a day)
            if added:
                await append(self._db, connection, [one.step for one in added])

    async def _put_in(self, connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> Collection[str]:
        """The numbers of those whose key and number nobody else had."""
        if len(rows) == 1:
            return set(await connection.scalars(self._add_one, rows[0]))
        return set(await connection.scalars(self._add, rows))


def _part(requests: Sequence[_Request]) -> None:
    """No two of them draw the same number."""
    seen: set[str] = set()
    for one in requests:
        while one.number in seen:
            one.decide()
        seen.add(one.number)


async def _not_known(requests: Sequence[_Request], connection: AsyncConnection) -> list[_Request]:
    """Those of ``requests`` that did not come in before; the others learn what became of them."""
    if not (keys := [one.key for one in requests if one.key]):
        return list(requests)
    same = sa.select(_c.key, _c.number, _c.digest).where(_c.key.in_(keys))
    known = {row.key: row for row in await connection.execute(same)}
    for one in requests:
        if one.key in known:
            one.known = known[one.key].number
            if known[one.key].digest != one.row["digest"]:
                one.fault = KeyReused("this key stands for another complaint")
    return [one for one in requests if one.known is None]


def _request(told: Told, book: Rulebook, at: datetime) -> _Request | Unstorable:
    try:
        return _Request(told, book, at)
    except Unstorable as fault:
        return fault


def _outcome(one: _Request) -> Outcome:
    return one.fault if isinstance(one.fault, KeyReused) else one.known is None


async def read_told(connection: AsyncConnection, number: str) -> tuple[Complaint, Person]:
    """What the citizen brought, and who it is. Raises :class:`UnknownCase`."""
    row = (await connection.execute(_TOLD, {"of": number})).first()
    if row is None:
        raise UnknownCase(number)
    return complaint_of(row.matter), Person(**(row.person or {}))


def request_row(complaint: Complaint, person: Person, key: str | None) -> dict[str, Any]:
    """What ``complaints`` keeps of a submission, but for its number. Raises :class:`Unstorable`."""
    told, who = ({name: getattr(one, name) for name in one.__slots__} for one in (complaint, person))
    matter = {k: v for k, v in told.items() if v not in (None, "", False)}
    _check_storable([*matter.values(), *who.values()])
    return {"matter": matter, "person": who if person.is_known else None, **marks(key, fingerprint(told, who))}


def _check_storable(values: Sequence[Any]) -> None:
    for text in values:
        if isinstance(text, str) and not text.isprintable() and not _is_kept(text):
            raise Unstorable("a text contains characters that cannot be stored")


def _is_kept(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)

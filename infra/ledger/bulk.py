"""建立台账: many complaints at once, as from files: some hundred in one transaction, each with the usual guarantees.

A batch costs 3 reads (rulebook, keys known already, numbers taken already) and 4 writes (complaints, entries, case
rows, the citizens' assignments), each one statement for all its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.appending import entry_rows
from infra.ledger.chain import GENESIS
from infra.ledger.database import Database
from infra.ledger.projections import assignment_row, case_row
from infra.ledger.recording import KeyReused, Person, Unstorable, number_on, request_row
from infra.ledger.rulebooks import Shelf
from rules.case import Complaint
from rules.decide import submit
from rules.evolve import fold
from rules.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Told:
    """One complaint of many; by its ``key`` it is recognised when it comes again."""

    complaint: Complaint
    person: Person
    key: str


Outcome = bool | KeyReused | Unstorable
"""Whether a complaint is new, or why it was not taken in."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    complaint: Complaint
    row: dict[str, Any]

    @property
    def key(self) -> bytes:
        return bytes(self.row["key"])


class Bulk:
    """Takes complaints in by the hundred; a batch is stored as a whole or not at all."""

    def __init__(self, db: Database, shelf: Shelf) -> None:
        self._db = db
        self._shelf = shelf

    async def submit_many(self, batch: Sequence[Told], *, at: datetime) -> list[Outcome]:
        """What became of each, in the order given; a bad one stops no other. Raises ``NoRulebook``."""
        book = await self._shelf.active(at)
        asked = [_request(one) for one in batch]
        first: dict[bytes, _Request] = {}
        for one in asked:
            if isinstance(one, _Request):
                first.setdefault(one.key, one)
        async with self._db.write() as connection:
            digests = await _known(connection, first)
            fresh = [one for key, one in first.items() if key not in digests]
            added = await self._register(connection, fresh, at)
            # whoever had the same complaint in hand at the same time was faster
            digests |= await _known(connection, [one.key for one in fresh if one not in added])
            await _append(connection, book, added, at)
        digests |= {one.key: one.row["digest"] for one in added}
        return [_outcome(one, digests, one in added) if isinstance(one, _Request) else one for one in asked]

    async def _register(self, connection: AsyncConnection, fresh: Sequence[_Request], at: datetime) -> list[_Request]:
        """Give them numbers and put them in; those whose key nobody else used meanwhile."""
        if not fresh:
            return []
        await _give_numbers(connection, fresh, at)
        c = schema.complaints.c
        put = self._db.insert(schema.complaints)
        unless_known = put.on_conflict_do_nothing(index_elements=[c.key], index_where=c.key.is_not(None))
        taken = set(await connection.scalars(unless_known.returning(c.number), [one.row for one in fresh]))
        return [one for one in fresh if one.row["number"] in taken]


def _request(told: Told) -> _Request | Unstorable:
    try:
        return _Request(told.complaint, request_row(told.complaint, told.person, told.key))
    except Unstorable as fault:
        return fault


def _outcome(one: _Request, digests: Mapping[bytes, bytes], is_new: bool) -> Outcome:
    if digests[one.key] != one.row["digest"]:
        return KeyReused("this key stands for another complaint")
    return is_new


async def _known(connection: AsyncConnection, keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """Key -> digest of the complaint that came in under it before."""
    c = schema.complaints.c
    if not (wanted := list(keys)):
        return {}
    return {
        row.key: row.digest for row in await connection.execute(sa.select(c.key, c.digest).where(c.key.in_(wanted)))
    }


async def _give_numbers(connection: AsyncConnection, requests: Sequence[_Request], at: datetime) -> None:
    """A number of its own for each; a clash is a matter of form, see ``number_on``."""
    waiting: dict[str, _Request] = {}
    todo = list(requests)
    while todo:
        for one in todo:
            one.row["number"] = number_on(at)
            waiting.setdefault(one.row["number"], one)
        c = schema.complaints.c.number
        taken = set(await connection.scalars(sa.select(c).where(c.in_([one.row["number"] for one in todo]))))
        todo = [one for one in todo if one.row["number"] in taken or waiting[one.row["number"]] is not one]


async def _append(connection: AsyncConnection, book: Rulebook, added: Sequence[_Request], at: datetime) -> None:
    """The first entry of each case, and what is derived from it."""
    entries: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []
    assignments: list[dict[str, Any]] = []
    for one in added:
        number = one.row["number"]
        decided = submit(book, number, one.complaint, at)
        case = fold(number, decided)
        rows = entry_rows(number, decided, first=1, head=GENESIS)
        entries += rows
        cases.append({"number": number, **case_row(case), "head": rows[-1]["hash"]})
        assignments += [assignment_row(number, own) for own in case.assignments]
    for table, made in ((schema.entries, entries), (schema.cases, cases), (schema.assignments, assignments)):
        if made:
            await connection.execute(sa.insert(table), made)

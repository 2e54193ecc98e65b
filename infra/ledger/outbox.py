"""待发: letters decided but not yet handed to the mail server; a mail is never lost because a run failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from infra.moment import wall
from rules.case import Entry

QUEUED, SENT, GIVEN_UP = "queued", "sent", "given_up"
ERROR_LIMIT = 500
_OWN = ("letter", "to", "assignment")

_c = schema.letters.c
_KNOWN_BY = (_c.number == sa.bindparam("of"), _c.seq == sa.bindparam("at"), _c.nth == sa.bindparam("as"))
_ENDED: dict[str, Any] = {name: sa.bindparam(f"to_{name}") for name in ("status", "due_at", "sent_at", "error")}
_END = sa.update(schema.letters).where(*_KNOWN_BY, _c.status != SENT).values(_ENDED)
"""Made once: making it anew for each letter cost more than carrying it out."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of the outbox. ``data``: the values its entry gave it; moments in wall time except ``decided_at``."""

    number: str
    seq: int
    nth: int
    letter: str
    to: str
    assignment: str
    data: dict[str, Any]
    decided_at: datetime
    attempts: int
    status: str = QUEUED
    sent_at: datetime | None = None
    error: str = ""

    @property
    def key(self) -> str:
        """Stable name of the letter: a repeat carries the same Message-ID."""
        return f"{self.number}.{self.seq}.{self.nth}"


class Outbox:
    """The queue of letters. Rows are added by the transaction that decided them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def claim(self, *, limit: int, hold_for: timedelta, number: str | None = None) -> list[Letter]:
        """Due letters, oldest first, held for ``hold_for`` so that no two couriers take the same one."""
        own, now = schema.letters.c, wall()
        due = sa.select(own.id).where(own.due_at <= now).order_by(own.due_at, own.id).limit(limit)
        if number is not None:
            due = due.where(own.number == number)
        free = due.with_for_update(skip_locked=True).cte("free")  # a table of its own: PostgreSQL must ask it only once
        held = sa.update(schema.letters).where(own.id.in_(sa.select(free.c.id))).returning(own.id)
        async with self._db.write_once() as connection:
            ids = (await connection.scalars(held.values(due_at=now + hold_for, attempts=own.attempts + 1))).all()
        if not ids:
            return []
        async with self._db.read() as connection:
            return await _read(connection, own.id.in_(ids))

    async def sent(self, letter: Letter) -> None:
        """The mail server has taken the letter."""
        await self._end(letter, {"to_status": SENT, "to_due_at": None, "to_sent_at": wall(), "to_error": None})

    async def failed(self, letter: Letter, error: str, *, retry_at: datetime | None) -> None:
        """``retry_at`` in wall time; ``None`` gives the letter up, which the desk sees. A sent letter stays sent."""
        status, said = QUEUED if retry_at else GIVEN_UP, error.replace("\0", "")[:ERROR_LIMIT]
        await self._end(letter, {"to_status": status, "to_due_at": retry_at, "to_sent_at": None, "to_error": said})

    async def of_case(self, number: str) -> list[Letter]:
        """Every letter of a case, oldest first."""
        async with self._db.read() as connection:
            return await _read(connection, schema.letters.c.number == number)

    async def _end(self, letter: Letter, values: dict[str, Any]) -> None:
        async with self._db.write_once() as connection:
            await connection.execute(_END, {"of": letter.number, "at": letter.seq, "as": letter.nth, **values})


def decided(number: str, first_seq: int, entries: Sequence[Entry], *, held: bool) -> list[Letter]:
    """The letters that new entries carry; with ``held`` in the hands of whoever decided them, for the first attempt."""
    return [
        _letter(number, seq, nth, entry, attempts=int(held))
        for seq, entry in enumerate(entries, first_seq)
        for nth, _ in enumerate(entry.data.get("letters", ()))
    ]


def rows(letters: Sequence[Letter], *, hold_for: timedelta | None) -> list[dict[str, Any]]:
    """New letters as rows of the outbox; nobody else takes them for so long."""
    now = wall()
    times = {"queued_at": now, "due_at": now + hold_for if hold_for else now}
    own = ("number", "seq", "nth", "letter", "status", "attempts")
    return [{name: getattr(one, name) for name in own} | {"recipient": one.to, **times} for one in letters]


async def queue(connection: AsyncConnection, letters: Sequence[dict[str, Any]]) -> None:
    """Put letters into the outbox; the unique key makes each of them once."""
    if letters:
        await connection.execute(sa.insert(schema.letters), letters)


async def _read(connection: AsyncConnection, condition: sa.ColumnElement[bool]) -> list[Letter]:
    own, e = schema.letters, schema.entries.c
    joined = own.join(schema.entries, sa.and_(own.c.number == e.number, own.c.seq == e.seq))
    query = sa.select(own, e.kind, e.data, e.at, e.actor).select_from(joined).where(condition).order_by(own.c.id)
    return [_read_one(row) for row in await connection.execute(query)]


def _read_one(row: Any) -> Letter:
    kept = {"status": row.status, "attempts": row.attempts, "sent_at": row.sent_at, "error": row.error or ""}
    return _letter(row.number, row.seq, row.nth, Entry(row.kind, row.at, row.actor, row.data), **kept)


def _letter(number: str, seq: int, nth: int, entry: Entry, **kept: Any) -> Letter:
    """The letter that an entry carries at place ``nth``."""
    written = entry.data["letters"][nth]
    own = {name: value for name, value in written.items() if name not in _OWN}
    said = {"letter": written["letter"], "to": written["to"], "assignment": written.get("assignment", "")}
    return Letter(number=number, seq=seq, nth=nth, data=own, decided_at=entry.at, **said, **kept)

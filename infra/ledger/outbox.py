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


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of the outbox. ``data``: the values its entry gave it; moments in wall time except ``decided_at``."""

    id: int
    number: str
    seq: int
    nth: int
    letter: str
    to: str
    assignment: str
    data: dict[str, Any]
    status: str
    attempts: int
    decided_at: datetime
    sent_at: datetime | None
    error: str

    @property
    def key(self) -> str:
        """Stable name of the letter: a repeat carries the same Message-ID."""
        return f"{self.number}.{self.seq}.{self.nth}"


class Outbox:
    """The queue of letters. Rows are added by the transaction that decided them (:func:`queue`)."""

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

    async def sent(self, id: int) -> None:
        """The mail server has taken the letter."""
        await self._set(id, status=SENT, due_at=None, sent_at=wall(), error=None)

    async def failed(self, id: int, error: str, *, retry_at: datetime | None) -> None:
        """``retry_at`` in wall time; ``None`` gives the letter up, which the desk sees. A sent letter stays sent."""
        said = error.replace("\0", "")[:ERROR_LIMIT]
        await self._set(id, status=QUEUED if retry_at else GIVEN_UP, due_at=retry_at, error=said)

    async def of_case(self, number: str) -> list[Letter]:
        """Every letter of a case, oldest first."""
        async with self._db.read() as connection:
            return await _read(connection, schema.letters.c.number == number)

    async def _set(self, id: int, **values: Any) -> None:
        own = schema.letters.c
        waiting = sa.update(schema.letters).where(own.id == id, own.status != SENT)
        async with self._db.write_once() as connection:
            await connection.execute(waiting.values(**values))


def rows(number: str, first_seq: int, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """The letters that new entries carry, as rows of the outbox."""
    due = wall()
    return [
        {"number": number, "seq": seq, "nth": nth, "letter": letter["letter"], "recipient": letter["to"]}
        | {"status": QUEUED, "attempts": 0, "queued_at": due, "due_at": due}
        for seq, entry in enumerate(entries, first_seq)
        for nth, letter in enumerate(entry.data.get("letters", ()))
    ]


async def queue(connection: AsyncConnection, letters: Sequence[dict[str, Any]]) -> None:
    """Put letters into the outbox; the unique key makes each of them once."""
    if letters:
        await connection.execute(sa.insert(schema.letters), letters)


async def _read(connection: AsyncConnection, condition: sa.ColumnElement[bool]) -> list[Letter]:
    own, e = schema.letters, schema.entries.c
    joined = own.join(schema.entries, sa.and_(own.c.number == e.number, own.c.seq == e.seq))
    query = sa.select(own, e.data, e.at).select_from(joined).where(condition).order_by(own.c.id)
    return [_letter(found) for found in await connection.execute(query)]


def _letter(row: Any) -> Letter:
    written = row.data["letters"][row.nth]
    return Letter(
        id=row.id,
        number=row.number,
        seq=row.seq,
        nth=row.nth,
        letter=row.letter,
        to=row.recipient,
        assignment=written.get("assignment", ""),
        data={k: v for k, v in written.items() if k not in _OWN},
        status=row.status,
        attempts=row.attempts,
        decided_at=row.at,
        sent_at=row.sent_at,
        error=row.error or "",
    )

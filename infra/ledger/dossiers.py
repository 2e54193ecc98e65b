"""建立台账: an entry never changes, so whoever has read a case reads from then on only what is new."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from rules.case import Case, Entry
from rules.evolve import evolve, fold

REMEMBERED = 200
"""Cases that one process remembers, some twenty kilobytes each: who acts on a case asks for it a dozen times within
seconds, and then not for days."""

_e = schema.entries.c
_SINCE = (
    sa.select(_e.kind, _e.at, _e.actor, _e.data, _e.hash)
    .where(_e.number == sa.bindparam("of"), _e.seq >= sa.bindparam("first"))
    .order_by(_e.seq)
)


class UnknownCase(Exception):
    """There is no case with this number."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case and all that made it, oldest first; ``head`` is the hash of the last entry."""

    case: Case
    entries: Sequence[Entry]
    head: bytes


class Dossiers:
    """The dossiers that this process has read last. Whoever reads is told what it remembers only as long as the chain
    of the ledger goes through it, so that a ledger restored from a backup is read anew; whoever writes is held to it
    too. What is :meth:`remembered` may be older than the ledger."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Dossier] = OrderedDict()

    async def read(self, connection: AsyncConnection, number: str, *, head: bytes | None = None) -> Dossier:
        """Costs nothing when the case still ends at ``head``, for callers who know where it ends; else one look for
        what is new. Raises :class:`UnknownCase`."""
        known = self._known.get(number)
        if known is None or known.head == head:
            found = known or await _whole(connection, number)
        else:
            found = await _go_on(connection, known) or await _whole(connection, number)
        if (lately := self._known.get(number)) is known or not _goes_on(lately, found):
            self.keep(found)
        return found

    def remembered(self, number: str) -> Dossier | None:
        """The case as this process has last read or written it."""
        return self._known.get(number)

    def keep(self, dossier: Dossier) -> Dossier:
        """Remember what the ledger holds."""
        number = dossier.case.number
        self._known[number] = dossier
        self._known.move_to_end(number)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return dossier


def _goes_on(known: Dossier | None, found: Dossier) -> bool:
    """Whether a step of this process has written more of the case while ``found`` was read."""
    length = len(found.entries)
    return known is not None and len(known.entries) > length and known.entries[:length] == found.entries


async def _go_on(connection: AsyncConnection, known: Dossier) -> Dossier | None:
    """What is known, and what is new; ``None`` when the ledger does not go through it any more."""
    rows = await _since(connection, known.case.number, known.case.seq)
    if not rows or rows[0].hash != known.head:
        return None
    new = _entries(rows[1:])
    return Dossier(reduce(evolve, new, known.case), (*known.entries, *new), rows[-1].hash)


async def _whole(connection: AsyncConnection, number: str) -> Dossier:
    rows = await _since(connection, number, 0)
    if not rows:
        raise UnknownCase(number)
    entries = _entries(rows)
    return Dossier(fold(number, entries), entries, rows[-1].hash)


async def _since(connection: AsyncConnection, number: str, first: int) -> Sequence[sa.Row[tuple[object, ...]]]:
    """Rows of the entries from seq ``first`` on."""
    return (await connection.execute(_SINCE, {"of": number, "first": first})).all()


def _entries(rows: Sequence[sa.Row[tuple[object, ...]]]) -> tuple[Entry, ...]:
    return tuple(Entry(row.kind, row.at, row.actor, row.data) for row in rows)

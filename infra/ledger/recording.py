"""One commit of the database per step: read the entries, ask the rules, append, project, queue the letters.

What a step costs, whatever the size of the ledger: on PostgreSQL one statement when this process has seen the case
last (``at_once``), and one more at the first step. Else, and on SQLite, ``record`` reads once or twice (the case row;
entries that this process does not know yet; once more with a key or at the first step) and writes 2 to 8 times
(entries, case row, always; signal, assignments, clocks set, clocks stopped, promise, letters, each only when there are
any), each with one statement for all its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.appending import Step, append
from infra.ledger.at_once import fits, write_at_once
from infra.ledger.database import Database
from infra.ledger.dossiers import Dossier, Dossiers, UnknownCase
from infra.ledger.outbox import Letter
from infra.ledger.rulebooks import NoRulebook, Shelf
from infra.ledger.seal import fingerprint
from infra.moment import wall
from rules.case import Case, Complaint, Entry, Signal
from rules.decide import PROCEED, TICK, decide
from rules.evolve import evolve
from rules.refusals import Refusal

_of: sa.BindParameter[str] = sa.bindparam("of")
_c = schema.cases.c
_LOCK = sa.select(_c.head, _c.attempt).where(_c.number == _of).with_for_update()
_MATTER = sa.select(schema.complaints.c.matter).where(schema.complaints.c.number == _of)
"""Statements of every step, made once: making them anew was a good part of what a step cost the processor."""


class StaleAttempt(Exception):
    """Another activation has taken the case since; this one must stop without a trace (fencing)."""


class LeaseHeld(Exception):
    """Another activation of the same case is at work."""


class NotWanted(Exception):
    """The case has nowhere to go now, or somebody has taken it there already."""


class Undecidable(Exception):
    """The rules break over this case: they would again, until its rulebook or the program is mended."""


class KeyReused(Exception):
    """The idempotency key was used before for something else; use a new key for a new matter."""


BROKEN = (LookupError, ValueError, TypeError, AttributeError)
"""What the rules raise when they break, as they never should."""
UNDECIDABLE = (Refusal, NoRulebook, Undecidable, *BROKEN)
"""What may be wrong with one case."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The case after a signal, the entries it added, and the letters that whoever asked for it now holds; ``repeated``:
    the signal was known already."""

    case: Case
    entries: Sequence[Entry]
    repeated: bool = False
    letters: Sequence[Letter] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What a transaction has to know before it appends."""

    hash: bytes
    attempt: int


@dataclass(frozen=True, slots=True)
class _Told:
    """A signal on its way into the ledger."""

    number: str
    signal: Signal
    at: datetime
    key: str | None
    attempt: int | None
    hold_for: timedelta | None

    def step(self, before: Dossier, decided: Sequence[Entry]) -> Step:
        """What is written of a case once this is decided."""
        case = before.case
        after = reduce(evolve, decided, case)
        row: dict[str, Any] = {"number": self.number, "first_seq": case.seq + 1, "last_seq": after.seq}
        row |= {"action": self.signal.action, "assignment": self.signal.assignment}
        signal = None if self.signal.action in (PROCEED, TICK) else row | marks(self.key, _digest(self.signal))
        return Step(case, after, decided, before.head, signal=signal, hold_for=self.hold_for)


class Recorder:
    """The only writer of entries."""

    def __init__(self, db: Database, shelf: Shelf, dossiers: Dossiers) -> None:
        self._db = db
        self._shelf = shelf
        self._dossiers = dossiers

    async def record(
        self,
        number: str,
        signal: Signal,
        *,
        at: datetime,
        key: str | None = None,
        attempt: int | None = None,
        hold_for: timedelta | None = None,
    ) -> Recorded:
        """Decide ``signal`` and append what follows, in one transaction.

        ``attempt`` fences an activation of the run. The letters that follow are the caller's to deliver, and nobody
        else's ``hold_for`` so long. Raises ``Refusal``, :class:`UnknownCase`, :class:`StaleAttempt` and
        :class:`KeyReused`; then nothing changed.
        """
        told = _Told(number, signal, at, key, attempt, hold_for)
        return await self._at_once(told) or await self._in_steps(told)

    async def _at_once(self, told: _Told) -> Recorded | None:
        """By what this process remembers; nothing when it does not remember the case, when the case has gone on
        meanwhile, and when there is nothing to write: whoever is refused has to be refused by what is."""
        known = None if self._db.is_sqlite else self._dossiers.remembered(told.number)
        if known is None:
            return None
        async with self._db.write_once() as connection:
            try:
                decided = await self._decide(connection, known.case, told.signal, told.at)
            except (Refusal, Undecidable):
                return None
            step = told.step(known, decided)
            if not (decided and fits(step) and await write_at_once(connection, step, attempt=told.attempt)):
                return None
        return self._recorded(known, step)

    async def _in_steps(self, told: _Told) -> Recorded:
        number, signal, key = told.number, told.signal, told.key
        async with self._db.write() as connection:
            head = await _lock(connection, number)
            if told.attempt is not None and told.attempt != head.attempt:
                raise StaleAttempt(f"{number}: attempt {told.attempt} was overtaken by {head.attempt}")
            dossier = await self._dossiers.read(connection, number, head=head.hash)
            case = dossier.case
            if key and await _is_repeated(connection, number, key, signal):
                return Recorded(case, (), repeated=True)
            decided = await self._decide(connection, case, signal, told.at)
            if not decided:
                return Recorded(case, ())
            step = told.step(dossier, decided)
            await append(self._db, connection, [step])
        return self._recorded(dossier, step)

    def _recorded(self, before: Dossier, step: Step) -> Recorded:
        self._dossiers.keep(Dossier(step.after, (*before.entries, *step.new), step.end))
        return Recorded(step.after, step.new, letters=step.letters if step.hold_for else ())

    async def foresee(self, case: Case, *, at: datetime) -> Case:
        """The case as its next step will leave it, if nothing comes between; nothing is written. One whose step cannot
        be decided is as it is: its run will say what is wrong."""
        try:
            async with self._db.read() as connection:
                return reduce(evolve, await self._decide(connection, case, Signal(PROCEED), at), case)
        except UNDECIDABLE:
            return case

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
        try:
            return decide(book, case, signal, max(at, case.updated_at or at))  # the clocks of two machines may differ
        except BROKEN as fault:
            said = f"{case.number} cannot be decided by rulebook {case.rulebook}: {type(fault).__name__}"
            raise Undecidable(said) from fault  # what it broke over may be a citizen's word, and Prefect shows this


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


def marks(key: str | None, digest: bytes) -> dict[str, bytes | None]:
    """By what a request is recognised when it comes again; without a key it cannot be."""
    return {"key": fingerprint(key), "digest": digest} if key else {"key": None, "digest": None}


def _digest(signal: Signal) -> bytes:
    return fingerprint(signal.action, signal.assignment, dict(signal.data))

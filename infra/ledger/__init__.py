"""建立台账: the ledger remembers. The only place that knows SQL."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from infra import tracing
from infra.ledger import schema
from infra.ledger.database import Database, sqlite_file
from infra.ledger.dossiers import Dossier, Dossiers, UnknownCase
from infra.ledger.drafts import Drafts
from infra.ledger.due import Decided, DueClocks
from infra.ledger.figures import Figures, read_figures
from infra.ledger.leases import Leases, Run
from infra.ledger.outbox import Letter, Outbox
from infra.ledger.paths import Paths
from infra.ledger.receiving import Person, Receiver, Told, Unstorable, read_told
from infra.ledger.recording import (
    KeyReused,
    LeaseHeld,
    NotWanted,
    Recorded,
    Recorder,
    StaleAttempt,
    Undecidable,
    read_complaint,
)
from infra.ledger.rulebooks import NoRulebook, Shelf
from infra.ledger.search import CaseFilter, CaseRow, Page, Search
from infra.ledger.verify import Problem, Verifier
from infra.moment import wall
from rules.case import Case, Complaint, Entry

__all__ = [
    "Activation", "CaseFilter", "CaseRow", "Decided", "Dossier", "Figures", "KeyReused", "LeaseHeld", "Ledger",
    "Letter", "NoRulebook", "NotWanted", "Page", "Person", "Problem", "Recorded", "Run", "StaleAttempt", "Told",
    "Undecidable", "UnknownCase", "Unstorable", "sqlite_file",
]  # fmt: skip

NONCES_KEPT = timedelta(days=1)
"""Longer than any sign-in link lives."""


@dataclass(frozen=True, slots=True)
class Activation:
    """One taking-up of a case by its ``run``; ``attempt`` is the fencing token, ``unshown`` the first entry that a
    clock brought about and the run has not shown yet."""

    number: str
    attempt: int
    case: Case
    run: Run
    unshown: int | None = None


class Ledger:
    """The ledger of one city, bound to the event loop that uses it.

    ``shelf`` keeps rulebook versions, ``drafts`` those in the making, ``outbox`` letters, ``leases`` activations and
    runs, ``search`` and ``paths`` answer questions about many cases. Only ``submit``, ``submit_many``, ``record``,
    ``add`` and ``decide_due`` write entries.
    """

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.url = url
        self.db = Database(url, pool_size=pool_size)
        self.shelf = Shelf(self.db)
        self.drafts = Drafts(self.db)
        self.outbox = Outbox(self.db)
        self.leases = Leases(self.db)
        self.search = Search(self.db)
        self.paths = Paths(self.db)
        self.verifier = Verifier(self.db)
        self._dossiers = Dossiers()
        recorder = Recorder(self.db, self.shelf, self._dossiers)
        receiver = Receiver(self.db, self.shelf, self._dossiers)
        self.submit = tracing.submissions(receiver.submit)
        self.record = tracing.signals(recorder.record)
        self.add, self.foresee = recorder.add, recorder.foresee
        self.decide_due = DueClocks(self.db, self.shelf).decide
        self.submit_many = receiver.submit_many
        self.activate, self.active, self.rulebook = self.shelf.activate, self.shelf.active, self.shelf.version
        self.claim_letters, self.letter_sent, self.letter_failed = (
            self.outbox.claim,
            self.outbox.sent,
            self.outbox.failed,
        )
        self.letters = self.outbox.of_case
        self.to_wake, self.runs_to_check = self.leases.to_wake, self.leases.to_check
        self.run_of, self.bind_run = self.leases.run, self.leases.bind
        self.list_cases, self.counts = self.search.cases, self.search.counts

    @classmethod
    def connect(cls, url: str) -> Ledger:
        return cls(url)

    async def take(self, number: str, *, if_wanted: datetime | None = None) -> Activation:
        """Take the case for one activation of its run; with ``if_wanted`` only if there is something to do at that
        moment (case time). Raises :class:`LeaseHeld`, :class:`NotWanted`, :class:`UnknownCase`; what cannot be read
        is given back."""
        taken = await self.leases.take(number, if_wanted=if_wanted)
        try:
            case = (await self.dossier(number, head=taken.head)).case
        except BaseException:
            with contextlib.suppress(Exception):  # if this cannot be written either, the lease runs out
                await self.leases.release(number, taken.attempt)
            raise
        return Activation(number, taken.attempt, case, taken.run, taken.unshown)

    async def release(self, number: str, attempt: int, *, now: datetime) -> bool:
        """Give the case back; ``True`` when it wants another wake already (a signal came meanwhile, P9)."""
        run = await self.leases.release(number, attempt)
        return run.is_open and run.wants_a_wake(now)

    async def verify(self, *, rebuild: bool = False) -> list[Problem]:
        """Every problem of the ledger; with ``rebuild`` wrong projections are made again from the entries."""
        return [problem async for problem in self.verifier.problems(rebuild=rebuild)]

    async def upgrade(self) -> None:
        """Bring the tables to the newest revision; harmless when they are."""
        from infra.ledger.migrations import upgrade  # noqa: PLC0415 -- alembic is needed by one command only

        await asyncio.to_thread(upgrade, self.url)

    async def figures(self, now: datetime) -> Figures:
        """What is open, late and waiting at ``now`` (case time)."""
        return await read_figures(self.db, now)

    async def answers(self) -> bool:
        """Whether the database answers at all."""
        async with self.db.read() as connection:
            return bool(await connection.scalar(sa.select(1)))

    async def dossier(self, number: str, *, head: bytes | None = None) -> Dossier:
        """A case with its entries. Raises :class:`UnknownCase`."""
        async with self.db.read() as connection:
            return await self._dossiers.read(connection, number, head=head)

    async def entries(self, number: str) -> list[Entry]:
        """Oldest first. Raises :class:`UnknownCase`."""
        return list((await self.dossier(number)).entries)

    async def case(self, number: str) -> Case:
        """Raises :class:`UnknownCase`."""
        return (await self.dossier(number)).case

    async def as_left(self, number: str, *, seq: int = 1) -> Dossier:
        """A case as this process has last read or written it, without asking again when that was after entry ``seq``;
        for whoever has just done so, or needs no more. Raises :class:`UnknownCase`."""
        known = self._dossiers.remembered(number)
        return known if known and known.case.seq >= seq else await self.dossier(number)

    async def complaint(self, number: str) -> Complaint:
        """Raises :class:`UnknownCase`."""
        async with self.db.read() as connection:
            return await read_complaint(connection, number)

    async def told(self, number: str) -> tuple[Complaint, Person]:
        """What the citizen brought, and who it is; empty when anonymous or erased. Raises :class:`UnknownCase`."""
        async with self.db.read() as connection:
            return await read_told(connection, number)

    async def spend(self, nonce: str) -> bool:
        """Spend a one-time secret; ``False`` when it was spent before."""
        spent = self.db.insert(schema.nonces).values(nonce=nonce, spent_at=wall()).on_conflict_do_nothing()
        async with self.db.write() as connection:
            return await connection.scalar(spent.returning(schema.nonces.c.nonce)) is not None

    async def forget_secrets(self) -> int:
        """Forget one-time secrets that have long expired; how many."""
        old = sa.delete(schema.nonces).where(schema.nonces.c.spent_at < wall() - NONCES_KEPT)
        async with self.db.write() as connection:
            return (await connection.execute(old)).rowcount

    async def close(self) -> None:
        await self.db.close()

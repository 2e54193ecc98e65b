"""建立台账: what steps add to the ledger, written for one case as for a hundred with one statement per kind of row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import outbox, schema
from infra.ledger.chain import link
from infra.ledger.database import Database
from infra.ledger.outbox import Letter
from infra.ledger.projections import case_row, project
from rules.case import Case, Entry

_c = schema.cases.c
_ADD_ENTRIES, _ADD_CASES, _ADD_SIGNALS = (sa.insert(t) for t in (schema.entries, schema.cases, schema.signals))
_CHANGE_CASES = sa.update(schema.cases).where(_c.number == sa.bindparam("of"))
"""Statements of every step, made once: making them anew was a good part of what a step cost the processor."""


@dataclass(frozen=True)
class Step:
    """One case, before (``None``: it is new) and after ``new`` entries; ``head`` is the hash they follow.

    ``unshown``: the first entry that the run of the case has yet to show; ``None`` leaves that as it is. ``signal``:
    the row of the signal that brought the entries about. ``hold_for``: how long its letters are in the hands of
    whoever decided them.
    """

    before: Case | None
    after: Case
    new: Sequence[Entry]
    head: bytes
    unshown: int | None = None
    signal: Mapping[str, Any] | None = None
    hold_for: timedelta | None = None

    @property
    def first(self) -> int:
        """The seq of the first new entry."""
        return self.after.seq - len(self.new) + 1

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """The new entries as rows, each linked to the one before."""
        return entry_rows(self.after.number, self.new, first=self.first, head=self.head)

    @property
    def end(self) -> bytes:
        """The hash of the last entry."""
        return bytes(self.entries[-1]["hash"])

    @property
    def case(self) -> dict[str, Any]:
        """The row of the case, without its number."""
        marks = {} if self.unshown is None else {"unshown": self.unshown}
        return {**case_row(self.after), "head": self.end, **marks}

    @cached_property
    def letters(self) -> list[Letter]:
        """The letters that the new entries carry."""
        return outbox.decided(self.after.number, self.first, self.new, held=self.hold_for is not None)

    @property
    def queued(self) -> list[dict[str, Any]]:
        """The letters as rows of the outbox."""
        return outbox.rows(self.letters, hold_for=self.hold_for)


async def append(db: Database, connection: AsyncConnection, steps: Sequence[Step]) -> None:
    """Entries, case rows, projections, letters and signals of steps that are all of new cases, or all of cases whose
    rows the transaction holds; no two of one case."""
    is_new = steps[0].before is None
    cases = [{"number" if is_new else "of": step.after.number, **step.case} for step in steps]
    await connection.execute(_ADD_ENTRIES, [row for step in steps for row in step.entries])
    await connection.execute(_ADD_CASES if is_new else _CHANGE_CASES, cases)
    await project(db, connection, [(step.before, step.after) for step in steps])
    await outbox.queue(connection, [row for step in steps for row in step.queued])
    if told := [dict(step.signal) for step in steps if step.signal]:
        await connection.execute(_ADD_SIGNALS, told)


def entry_rows(number: str, new: Sequence[Entry], *, first: int, head: bytes) -> list[dict[str, Any]]:
    """``new`` as rows from seq ``first`` on, each linked to the one before, the first to ``head``."""
    rows = []
    for seq, entry in enumerate(new, first):
        head = link(head, number, seq, entry)
        said = {"kind": entry.kind, "at": entry.at, "actor": entry.actor, "data": dict(entry.data)}
        rows.append({"number": number, "seq": seq, **said, "hash": head})
    return rows

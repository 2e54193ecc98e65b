"""建立台账: what steps add to the ledger, written for one case as for a hundred with one statement per kind of row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import outbox, schema
from infra.ledger.chain import link
from infra.ledger.database import Database
from infra.ledger.projections import case_row, project
from rules.case import Case, Entry

_c = schema.cases.c
_ADD_ENTRIES, _ADD_CASES = (sa.insert(t) for t in (schema.entries, schema.cases))
_CHANGE_CASES = sa.update(schema.cases).where(_c.number == sa.bindparam("of"))
"""Statements of every step, made once: making them anew was a good part of what a step cost the processor."""


@dataclass(frozen=True, slots=True)
class Step:
    """One case, before (``None``: it is new) and after ``new`` entries; ``head`` is the hash they follow.

    ``unshown``: the first entry that the run of the case has yet to show; ``None`` leaves that as it is.
    """

    before: Case | None
    after: Case
    new: Sequence[Entry]
    head: bytes
    unshown: int | None = None

    @property
    def first(self) -> int:
        """The seq of the first new entry."""
        return self.after.seq - len(self.new) + 1


async def append(db: Database, connection: AsyncConnection, steps: Sequence[Step]) -> list[bytes]:
    """Entries, case rows, projections and letters of steps that are all of new cases, or all of cases whose rows the
    transaction holds; no two of one case. The hash of the last entry of each."""
    entries: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []
    for step in steps:
        entries += entry_rows(step.after.number, step.new, first=step.first, head=step.head)
        marks = {"head": entries[-1]["hash"]} | ({} if step.unshown is None else {"unshown": step.unshown})
        cases.append({"number" if step.before is None else "of": step.after.number, **case_row(step.after), **marks})
    await connection.execute(_ADD_ENTRIES, entries)
    await connection.execute(_ADD_CASES if steps[0].before is None else _CHANGE_CASES, cases)
    await project(db, connection, [(step.before, step.after) for step in steps])
    await outbox.queue(connection, [row for s in steps for row in outbox.rows(s.after.number, s.first, s.new)])
    return [case["head"] for case in cases]


def entry_rows(number: str, new: Sequence[Entry], *, first: int, head: bytes) -> list[dict[str, Any]]:
    """``new`` as rows from seq ``first`` on, each linked to the one before, the first to ``head``."""
    rows = []
    for seq, entry in enumerate(new, first):
        head = link(head, number, seq, entry)
        said = {"kind": entry.kind, "at": entry.at, "actor": entry.actor, "data": dict(entry.data)}
        rows.append({"number": number, "seq": seq, **said, "hash": head})
    return rows

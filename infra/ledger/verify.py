"""The ledger can be checked by anybody: chains are whole, and every projection equals its folded entries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.chain import GENESIS, link
from infra.ledger.database import Database
from infra.ledger.projections import assignment_row, case_row, clock_row, project, promise_row
from rules.case import Case, Entry
from rules.evolve import fold

BATCH = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the ledger should not contain."""

    number: str
    what: str

    def __str__(self) -> str:
        return f"{self.number}: {self.what}"


class Verifier:
    """Walks through all cases, a batch at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def problems(self, *, rebuild: bool = False) -> AsyncIterator[Problem]:
        """Every problem; with ``rebuild`` wrong projections are made again from the entries (and still reported)."""
        last = ""
        while numbers := await self._numbers(last):
            for number in numbers:
                async with self._db.write() if rebuild else self._db.read() as connection:
                    for what in await self._check(connection, number, rebuild=rebuild):
                        yield Problem(number, what)
            last = numbers[-1]

    async def _numbers(self, last: str) -> list[str]:
        n = schema.entries.c.number
        query = sa.select(n).where(n > last).group_by(n).order_by(n).limit(BATCH)
        async with self._db.read() as connection:
            return list((await connection.scalars(query)).all())

    async def _check(self, connection: AsyncConnection, number: str, *, rebuild: bool) -> list[str]:
        rows = await _rows(connection, schema.entries, number, "seq")
        found, head = _broken_links(number, rows)
        try:
            case = fold(number, [Entry(r["kind"], r["at"], r["actor"], r["data"]) for r in rows])
        except (KeyError, ValueError, LookupError) as wrong:
            return [*found, f"the entries cannot be folded: {wrong!r}"]
        found += await _missing_letters(connection, number, rows)
        wrong_rows = await _wrong_projections(connection, case, head)
        if wrong_rows and rebuild:
            await self._rebuild(connection, case, head)
        return found + wrong_rows

    async def _rebuild(self, connection: AsyncConnection, case: Case, head: bytes) -> None:
        for table in (schema.assignments, schema.clocks, schema.promises):
            await connection.execute(sa.delete(table).where(table.c.number == case.number))
        values = {**case_row(case), "head": head}
        await connection.execute(sa.delete(schema.cases).where(schema.cases.c.number == case.number))
        await connection.execute(sa.insert(schema.cases).values(number=case.number, **values))
        await project(self._db, connection, None, case)


def _broken_links(number: str, rows: list[dict[str, Any]]) -> tuple[list[str], bytes]:
    head, found = GENESIS, []
    for expected, row in enumerate(rows, 1):
        if row["seq"] != expected:
            found.append(f"entry {expected} is missing")
        head = link(head, number, row["seq"], Entry(row["kind"], row["at"], row["actor"], row["data"]))
        if head != row["hash"]:
            found.append(f"entry {row['seq']} ({row['kind']}) does not fit its hash")
            head = row["hash"]
    return found, head


async def _missing_letters(connection: AsyncConnection, number: str, rows: list[dict[str, Any]]) -> list[str]:
    decided = {(r["seq"], n) for r in rows for n in range(len(r["data"].get("letters", ())))}
    queued = {(r["seq"], r["nth"]) for r in await _rows(connection, schema.letters, number, "seq")}
    return [f"letter {seq}.{nth} is not in the outbox" for seq, nth in sorted(decided - queued)]


async def _wrong_projections(connection: AsyncConnection, case: Case, head: bytes) -> list[str]:
    number = case.number
    expected: dict[sa.Table, list[dict[str, Any]]] = {
        schema.cases: [{"number": number, **case_row(case), "head": head}],
        schema.assignments: [assignment_row(number, a) for a in case.assignments],
        schema.clocks: [clock_row(number, c) for c in case.clocks if c.runs],
        schema.promises: [promise_row(number, case.plan)] if case.plan else [],
    }
    found = []
    for table, rows in expected.items():
        names = rows[0].keys() if rows else []
        there = await _rows(connection, table, number)
        if _sorted([{n: r[n] for n in names} for r in there]) != _sorted(rows):
            found.append(f"table {table.name} does not equal the folded entries")
    return found


async def _rows(connection: AsyncConnection, table: sa.Table, number: str, *order: str) -> list[dict[str, Any]]:
    query = sa.select(table).where(table.c.number == number).order_by(*(table.c[name] for name in order))
    return [dict(row._mapping) for row in await connection.execute(query)]


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row.get("id", "")))
